//! A home directory per test, and the program that runs in it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::fake_service::FakeService;

/// A fake service and a home directory.
pub(crate) struct Setup {
    pub(crate) service: FakeService,
    pub(crate) home: PathBuf,
}

impl Drop for Setup {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.home).ok();
    }
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl CommandOutput {
    /// Standard output as one JSON document.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Setup {
    /// Without a stored sign-in.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("docket-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&home).unwrap();
        Self {
            service: FakeService::start(),
            home,
        }
    }

    pub(crate) fn signed_in() -> Self {
        let setup = Self::new();
        setup.save_session("token-1", u64::MAX / 2);
        setup
    }

    /// Stores a sign-in as the program does.
    pub(crate) fn save_session(&self, token: &str, expires_at: u64) {
        let api = self.service.address();
        let session = json!({
            "api": api,
            "sign_ins": {&api: {
                "sign_in_url": format!("{api}/sign-in"),
                "client_id": "client",
                "email": "ann@example.com",
                "id_token": token,
                "refresh_token": "refresh-1",
                "expires_at": expires_at,
            }}
        });
        let path = self.session_path();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, session.to_string()).unwrap();
    }

    pub(crate) fn session_path(&self) -> PathBuf {
        self.home.join("config/docket/sign-in.json")
    }

    pub(crate) fn session(&self) -> Value {
        let text = std::fs::read(self.session_path()).unwrap();
        let all: Value = serde_json::from_slice(&text).unwrap();
        all["sign_ins"][self.service.address()].clone()
    }

    /// The number of unfinished uploads in the store.
    pub(crate) fn unfinished_uploads(&self) -> usize {
        std::fs::read_dir(self.home.join("state/docket/uploads")).map_or(0, Iterator::count)
    }

    /// Creates a file in the home directory.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_docket"));
        command
            .args(arguments)
            .current_dir(&self.home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .env("XDG_STATE_HOME", self.home.join("state"))
            // Not the keyring of the developer.
            .env("DOCKET_KEYRING", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> CommandOutput {
        self.command(arguments).output().unwrap().into()
    }
}

/// Sends SIGINT, as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}
