//! Finds the function's process at the other end of a connection, and kills it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{Request, request};

#[derive(Clone, Debug)]
pub(crate) struct FunctionProcess {
    pub(crate) pid: u32,
    /// Function name without the service's prefix.
    pub(crate) function: String,
    /// `None` if the process ended before it was found.
    credentials: Option<Credentials>,
}

impl FunctionProcess {
    /// Signs a request again whose body the proxy changed, with the process's own credentials.
    pub(crate) fn sign(&self, head: &mut request::Parts, body: &Bytes, url: &str) {
        let Some(credentials) = &self.credentials else {
            return;
        };
        let mut bare = Request::post(format!("{url}/"));
        for name in ["content-type", "x-amz-target"] {
            bare = bare.header(name, &head.headers[name]);
        }
        let signed = devstack::sign_request(bare.body(body.clone()).unwrap(), "sqs", credentials);
        for (name, value) in signed.unwrap().headers() {
            head.headers.insert(name, value.clone());
        }
    }
}

/// Number of searches. The kernel's connection table is not read atomically, so a search can miss a connection.
const MAX_SEARCHES: usize = 10;
const SEARCH_INTERVAL: Duration = Duration::from_millis(10);

/// The process that holds the connection from `port` to the proxy at `url`. Considers only processes whose
/// environment has `url` as their AWS endpoint, so that no other process can be killed.
pub(crate) async fn by_port(port: u16, url: &str) -> FunctionProcess {
    let mark = format!("AWS_ENDPOINT_URL={url}");
    let address = |port: u16| format!("0100007F:{port:04X}");
    let to = url.rsplit(':').next().and_then(|port| port.parse().ok());
    let ends = (address(port), address(to.unwrap()));
    let search = move || {
        (0..MAX_SEARCHES).find_map(|_| {
            let found = find(&ends, &mark);
            if found.is_none() {
                std::thread::sleep(SEARCH_INTERVAL);
            }
            found
        })
    };
    let found = tokio::task::spawn_blocking(search).await;
    // The process has ended meanwhile.
    found.unwrap().unwrap_or_else(|| FunctionProcess {
        pid: 0,
        function: String::new(),
        credentials: None,
    })
}

fn find((from, to): &(String, String), mark: &str) -> Option<FunctionProcess> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let row = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let matches =
            columns.get(1) == Some(&from.as_str()) && columns.get(2) == Some(&to.as_str());
        matches.then(|| columns.get(9).map(|it| (*it).to_owned()))?
    })?;
    let socket = format!("socket:[{row}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(entry.path().join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        environment.split('\0').find(|it| *it == mark)?;
        let value = |name: &str| {
            let mut variables = environment.split('\0');
            variables.find_map(|it| Some(it.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
        };
        let name = value("AWS_LAMBDA_FUNCTION_NAME")?;
        let name = name.strip_prefix("docket-")?;
        let owns_socket = |folder: &Path| {
            let handles = fs::read_dir(folder).ok()?;
            let mut links = handles
                .flatten()
                .filter_map(|handle| fs::read_link(handle.path()).ok());
            links.find(|link| link.as_os_str() == &*socket)
        };
        owns_socket(&entry.path().join("fd"))?;
        Some(FunctionProcess {
            pid,
            function: name.to_owned(),
            credentials: Some(Credentials::new(
                value("AWS_ACCESS_KEY_ID")?,
                value("AWS_SECRET_ACCESS_KEY")?,
                value("AWS_SESSION_TOKEN"),
                None,
                "function",
            )),
        })
    })
}

/// `kill -9`. Blocks instead of awaiting: the end of the process closes its connection, and an awaiting task of that
/// connection would be dropped.
pub(crate) fn kill(pid: u32) {
    assert_ne!(pid, 0, "the calling process was not found");
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.unwrap().success(), "process {pid} had already ended");
}
