//! The tokens in a real keyring: GNOME's, over a D-Bus of its own. Where these programs are not installed the tests are
//! skipped, except in CI, where they fail.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::setup::{CommandOutput, Setup};

/// A bus that starts no services. The ordinary session bus starts a keyring of its own if it is asked for one before
/// ours has its name, and that one stays locked.
const BUS: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A desktop session with an open keyring.
struct Desktop {
    bus: Child,
    keyring: Child,
    address: String,
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in [&mut self.keyring, &mut self.bus] {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Desktop {
    /// `None` if the programs are missing.
    fn start(home: &Path) -> Option<Self> {
        let is_missing = |name: &str| !programs().any(|folder| folder.join(name).is_file());
        if ["dbus-daemon", "dbus-send", "gnome-keyring-daemon"]
            .into_iter()
            .any(is_missing)
        {
            assert!(
                std::env::var_os("CI").is_none(),
                "dbus or gnome-keyring is not installed"
            );
            return None;
        }
        let configuration = home.join("bus.conf");
        std::fs::write(&configuration, BUS).unwrap();
        let mut bus = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address", "--config-file"])
            .arg(&configuration)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let address = address.trim().to_owned();
        let mut keyring = Command::new("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .env("HOME", home)
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_RUNTIME_DIR", home)
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        keyring
            .stdin
            .take()
            .unwrap()
            .write_all(b"pass word")
            .unwrap();
        let desktop = Self {
            bus,
            keyring,
            address,
        };
        let start = Instant::now();
        while !desktop
            .call("ReadAlias", "string:default")
            .contains("collection/")
        {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the keyring has not opened"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(desktop)
    }

    /// Calls the keyring, and returns what it prints.
    fn call(&self, method: &str, argument: &str) -> String {
        let output = Command::new("dbus-send")
            .args([
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.secrets",
                "/org/freedesktop/secrets",
            ])
            .args([
                &format!("org.freedesktop.Secret.Service.{method}"),
                argument,
            ])
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn run(&self, setup: &Setup, arguments: &[&str]) -> CommandOutput {
        setup
            .command(arguments)
            .env_remove("DOCKET_KEYRING")
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("DOCKET_PASSWORD", "s3cret-word")
            .output()
            .unwrap()
            .into()
    }
}

fn programs() -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .collect::<Vec<_>>()
        .into_iter()
}

fn signs_in(setup: &Setup, id_token: &str, seconds: u64) {
    let result = json!({"IdToken": id_token, "RefreshToken": "refresh-9", "ExpiresIn": seconds});
    let tokens = json!({"AuthenticationResult": result});
    setup.service.respond_once("POST /sign-in", 200, &tokens);
}

#[test]
fn tokens_are_in_the_keyring_until_logout() {
    let setup = Setup::new();
    let Some(desktop) = Desktop::start(&setup.home) else {
        return;
    };
    let api = setup.service.address();
    // Expired at once, so `login` itself refreshes it when it asks who has signed in.
    signs_in(&setup, "token-8", 1);
    signs_in(&setup, "token-9", 1);
    let login = ["login", "--api", &api, "--email", "ann@example.com"];
    let output = desktop.run(&setup, &login);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("in the keyring"), "{output:?}");
    let file = std::fs::read_to_string(setup.session_path()).unwrap();
    assert!(
        !file.contains("token-9") && !file.contains("refresh-9"),
        "{file}"
    );
    // The token has expired, so it is refreshed, with a refresh token that is in the keyring alone.
    signs_in(&setup, "token-10", 3600);
    let output = desktop.run(&setup, &["whoami"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let output = desktop.run(&setup, &["whoami"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let state = setup.service.state();
    let last = state.requests.last().unwrap();
    assert_eq!(last.authorization.as_deref(), Some("Bearer token-10"));
    drop(state);
    // Without the keyring the command says what to do, and changes nothing.
    let output = setup.run(["whoami"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output
            .stderr
            .contains("in the keyring, which cannot be read"),
        "{output:?}"
    );
    setup.service.respond_once("POST /sign-in", 200, &json!({}));
    let output = desktop.run(&setup, &["logout"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let found = desktop.call("SearchItems", "dict:string:string:service,docket");
    assert!(
        found.contains("array") && !found.contains("object path"),
        "{found}"
    );
}

#[test]
fn locked_keyring_does_not_lose_the_sign_in() {
    let setup = Setup::new();
    let Some(desktop) = Desktop::start(&setup.home) else {
        return;
    };
    let api = setup.service.address();
    let lock = || {
        let all = desktop.call("ReadAlias", "string:default");
        let path = all.rsplit('"').nth(1).unwrap();
        desktop.call("Lock", &format!("array:objpath:{path}"));
    };
    lock();
    signs_in(&setup, "token-9", 3600);
    let login = ["login", "--api", &api, "--email", "ann@example.com"];
    let output = desktop.run(&setup, &login);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output
            .stderr
            .contains("warning: the keyring cannot be used"),
        "{output:?}"
    );
    assert_eq!(setup.session()["id_token"], "token-9");
    let output = desktop.run(&setup, &["whoami"]);
    assert_eq!(output.code, Some(0), "{output:?}");
}
