//! The URL of a receiver.

use std::net::IpAddr;

use super::MAX_URL_BYTES;
use super::address::AllowedReceivers;

/// A URL that may be posted to, if its name resolves to allowed addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverUrl {
    pub is_tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
    /// With the query.
    pub path: String,
    /// As in the header `Host`.
    pub authority: String,
}

impl ReceiverUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str, allowed: AllowedReceivers) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\<>\"^`{|}#".contains(&byte);
        if text.len() > MAX_URL_BYTES || !text.bytes().all(is_plain) {
            return Err(format!(
                "url: at most {MAX_URL_BYTES} characters of ASCII, without blanks, backslashes and fragment"
            ));
        }
        let (is_tls, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("http://")
            && allowed == AllowedReceivers::Loopback
        {
            (false, rest)
        } else {
            return Err("url: it must begin with https://".to_owned());
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(
                "url: without user name and password; the signature identifies the sender"
                    .to_owned(),
            );
        }
        let (host, port) = split_port(authority)?;
        let default = if is_tls { 443 } else { 80 };
        let port = port.unwrap_or(default);
        if port != default && port < 1024 {
            return Err("url: port 443, or one above 1023".to_owned());
        }
        let separator = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            is_tls,
            host,
            port,
            path: format!("{separator}{path}"),
            authority: authority.to_owned(),
        })
    }
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let invalid =
        || "url: the host is not a name, an IPv4 address or an IPv6 address in brackets".to_owned();
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(invalid)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| invalid())?;
            (
                host,
                port.strip_prefix(':')
                    .or_else(|| (!port.is_empty()).then_some("x")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || host.len() > 253 || !host.bytes().all(is_name) {
        return Err(invalid());
    }
    let port = port.map(|port| {
        port.parse()
            .map_err(|_| "url: the port is not a number".to_owned())
    });
    Ok((host.to_owned(), port.transpose()?))
}

/// Checks the addresses that a name has resolved to. All must be allowed: a name with one internal address is a mistake or an
/// attack.
///
/// # Errors
/// Names an address that is not allowed, or says that there is none.
pub fn check_addresses(addresses: &[IpAddr], allowed: AllowedReceivers) -> Result<(), String> {
    if let Some(internal) = addresses.iter().find(|address| !allowed.allows(**address)) {
        return Err(format!(
            "the receiver's name resolves to {internal}, which is not on the public internet"
        ));
    }
    if addresses.is_empty() {
        return Err("the receiver's name has no address".to_owned());
    }
    Ok(())
}

/// A URL without path and query.
pub(crate) fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(after_scheme..).unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    url.get(..after_scheme + end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: AllowedReceivers = AllowedReceivers::Public;

    #[test]
    fn url_is_split_into_what_is_connected_to_and_what_is_asked_for() {
        for (text, host, port, path) in [
            ("https://a.example", "a.example", 443, "/"),
            ("https://a.example/hook?x=1", "a.example", 443, "/hook?x=1"),
            ("https://a.example?x=1", "a.example", 443, "/?x=1"),
            ("https://a.example:8443/", "a.example", 8443, "/"),
            ("https://[2600::1]:8443/h", "2600::1", 8443, "/h"),
            ("https://2130706433/", "2130706433", 443, "/"),
        ] {
            let url = ReceiverUrl::parse(text, PUBLIC).unwrap();
            assert_eq!(
                (url.host.as_str(), url.port, url.path.as_str()),
                (host, port, path),
                "{text}"
            );
        }
        assert!(ReceiverUrl::parse("http://127.0.0.1:9000/", AllowedReceivers::Loopback).is_ok());
    }

    #[test]
    fn url_that_could_mean_two_things_is_refused() {
        for text in [
            "",
            "a.example",
            "http://a.example/",
            "ftp://a.example/",
            "HTTPS://a.example/",
            "https://",
            "https:///path",
            "https://user@a.example/",
            "https://a.example@10.0.0.1/",
            "https://a.example:22/",
            "https://a.example:80/",
            "https://a.example:0/",
            "https://a.example:99999/",
            "https://a.example:x/",
            "https://a.example:443:80/",
            "https://a.example#x",
            "https://a.example\\@10.0.0.1/",
            "https://a.example /",
            "https://a.example/\r\nHost: b",
            "https://[::1",
            "https://[a.example]/",
            "https://[::1]x/",
            "https://a%2eexample/",
            "https://ä.example/",
            "https://a.example/\u{0}",
            "file:///etc/passwd",
            "gopher://a.example/",
            "javascript:alert(1)",
            &format!("https://a.example/{}", "x".repeat(500)),
            &format!("https://{}/", "a".repeat(254)),
        ] {
            assert!(ReceiverUrl::parse(text, PUBLIC).is_err(), "{text:?}");
        }
    }

    #[test]
    fn one_internal_address_among_others_is_enough_to_refuse() {
        let addresses = |texts: &[&str]| {
            texts
                .iter()
                .map(|it| it.parse().unwrap())
                .collect::<Vec<IpAddr>>()
        };
        assert!(check_addresses(&addresses(&["8.8.8.8", "2600::1"]), PUBLIC).is_ok());
        assert!(check_addresses(&addresses(&["8.8.8.8", "10.0.0.1"]), PUBLIC).is_err());
        assert!(check_addresses(&addresses(&["::ffff:169.254.169.254"]), PUBLIC).is_err());
        assert!(check_addresses(&[], PUBLIC).is_err());
    }
}
