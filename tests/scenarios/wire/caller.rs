//! Which process is at the other end of a connection, and its end.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{Request, request};

/// A function's process.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) pid: u32,
    /// Without the service's name.
    pub(crate) function: String,
    /// What it signs with.
    credentials: Option<Credentials>,
}

impl Caller {
    /// Signs anew what was changed on the way, as it would have.
    pub(crate) fn sign(&self, head: &mut request::Parts, body: &Bytes, url: &str) {
        // The dead need no signature.
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

/// How often is looked: the kernel's table is not read at once, and what changes meanwhile can be missed.
const LOOKS: usize = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// Whose connection from `port` to the proxy at `url` is. Only functions that call `url` are looked at: no other
/// process can be meant.
pub(crate) async fn of(port: u16, url: &str) -> Caller {
    let mark = format!("AWS_ENDPOINT_URL={url}");
    let address = |port: u16| format!("0100007F:{port:04X}");
    let to = url.rsplit(':').next().and_then(|port| port.parse().ok());
    let ends = (address(port), address(to.unwrap()));
    let look = move || {
        (0..LOOKS).find_map(|_| {
            let found = find(&ends, &mark);
            if found.is_none() {
                std::thread::sleep(PAUSE);
            }
            found
        })
    };
    let found = tokio::task::spawn_blocking(look).await;
    // It has died meanwhile, and nobody hears the answer.
    found.unwrap().unwrap_or_else(|| Caller {
        pid: 0,
        function: String::new(),
        credentials: None,
    })
}

fn find((from, to): &(String, String), mark: &str) -> Option<Caller> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let row = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_it = columns.get(1) == Some(&from.as_str()) && columns.get(2) == Some(&to.as_str());
        is_it.then(|| columns.get(9).map(|it| (*it).to_owned()))?
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
        let owns = |folder: &Path| {
            let handles = fs::read_dir(folder).ok()?;
            let mut links = handles
                .flatten()
                .filter_map(|handle| fs::read_link(handle.path()).ok());
            links.find(|link| link.as_os_str() == &*socket)
        };
        owns(&entry.path().join("fd"))?;
        Some(Caller {
            pid,
            function: name.to_owned(),
            credentials: Some(Credentials::new(
                value("AWS_ACCESS_KEY_ID")?,
                value("AWS_SECRET_ACCESS_KEY")?,
                value("AWS_SESSION_TOKEN"),
                None,
                "the function's own",
            )),
        })
    })
}

/// `kill -9`. Waits for it on the spot: whoever awaits anything here is dropped with the connection of the dead.
pub(crate) fn kill(pid: u32) {
    assert_ne!(pid, 0, "nobody is known to call");
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.unwrap().success(), "{pid} was dead already");
}
