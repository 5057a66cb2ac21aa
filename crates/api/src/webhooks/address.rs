//! Which addresses a webhook may be sent to. A receiver is chosen by a customer, and the request comes from within our network:
//! it must not reach anything that is not on the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which receivers an operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedReceivers {
    /// Only `https://` and public addresses.
    Public,
    /// Also `http://` and loopback addresses: for a stack and its receivers on one machine.
    Loopback,
}

impl AllowedReceivers {
    /// Reads the setting `WEBHOOK_RECEIVERS`. Everything unknown is the strict one.
    pub fn from_setting(text: &str) -> Self {
        match text {
            "loopback" => Self::Loopback,
            _ => Self::Public,
        }
    }

    /// Whether a request may be sent to this address, which the name of the receiver has resolved to.
    pub fn allows(self, address: IpAddr) -> bool {
        // ::ffff:10.0.0.1 is 10.0.0.1.
        let address = address.to_canonical();
        let is_public = match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        };
        is_public || (self == Self::Loopback && address.is_loopback())
    }
}

/// Not one of the special-purpose addresses (IANA IPv4 Special-Purpose Address Registry).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b) {
        (0 | 10 | 127, _) => true,
        (100, 64..=127) => true,
        (169, 254) => true,
        (172, 16..=31) => true,
        (192, 0) => c == 0 || c == 2,
        (192, 31) => c == 196,
        (192, 52) => c == 193,
        (192, 88) => c == 99,
        (192, 168) => true,
        (192, 175) => c == 48,
        (198, 18 | 19) => true,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        // Multicast, reserved, broadcast.
        (224.., _) => true,
        _ => false,
    };
    !is_special
}

/// Global unicast (2000::/3) without the special-purpose prefixes in it (IANA IPv6 Special-Purpose Address Registry). The
/// others are loopback, link-local, unique local, multicast, and those that carry an IPv4 address for a translator.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_special = match (a, b) {
        // 2001::/23: Teredo and others; 2001:db8::/32: documentation.
        (0x2001, 0..=0x01ff | 0x0db8) => true,
        // 6to4 carries an IPv4 address.
        (0x2002, _) => true,
        // Direct delegation AS112, documentation.
        (0x2620, 0x004f) => true,
        (0x3fff, 0..=0x0fff) => true,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_allowed() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.254",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(
                !AllowedReceivers::Public.allows(text.parse().unwrap()),
                "{text}"
            );
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.17.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2600::1",
            "2a00:1450:4001:81b::200e",
        ] {
            assert!(
                AllowedReceivers::Public.allows(text.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn setting_for_one_machine_allows_loopback_and_nothing_else() {
        let setting = AllowedReceivers::from_setting("loopback");
        for text in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "8.8.8.8"] {
            assert!(setting.allows(text.parse().unwrap()), "{text}");
        }
        for text in [
            "10.0.0.1",
            "169.254.169.254",
            "::ffff:10.0.0.1",
            "fd00::1",
            "0.0.0.0",
            "::",
        ] {
            assert!(!setting.allows(text.parse().unwrap()), "{text}");
        }
        assert_eq!(
            AllowedReceivers::from_setting("everything"),
            AllowedReceivers::Public
        );
    }
}
