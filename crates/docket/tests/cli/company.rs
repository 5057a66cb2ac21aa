//! `docket login` by a company's provider. The tests play the browser.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::company_paste::paste;
use crate::fake_domain::{CLIENT, fields};
use crate::setup::{CommandOutput, Setup, interrupt};

/// The ports are fixed, so these tests run one after the other.
fn ports() -> MutexGuard<'static, ()> {
    static PORTS: Mutex<()> = Mutex::new(());
    PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A service whose users sign in by Acme.
pub(crate) fn acme() -> Setup {
    let setup = Setup::new();
    setup.service.state().domain.providers = vec![("AcmeOidc", "Acme")];
    setup
}

/// A login that has opened a browser.
struct Login {
    child: Child,
    /// What the browser was told to open.
    url: String,
}

impl Login {
    fn start(setup: &Setup, arguments: &[&str]) -> Self {
        let bin = setup.home.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let program = bin.join("xdg-open");
        let script = "#!/bin/sh\nprintf %s \"$1\" > \"$HOME/opening\" && mv \"$HOME/opening\" \"$HOME/opened\"\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        // What the script needs.
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let child = command(setup, arguments)
            .env("PATH", path)
            .env("DISPLAY", ":0")
            .spawn()
            .unwrap();
        let opened = setup.home.join("opened");
        let url = loop {
            match std::fs::read_to_string(&opened) {
                Ok(url) => break url,
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        std::fs::remove_file(opened).unwrap();
        Self { child, url }
    }

    fn port(&self) -> u16 {
        let redirect_uri = &fields(self.url.split_once('?').unwrap().1)["redirect_uri"];
        let port = redirect_uri.strip_prefix("http://127.0.0.1:").unwrap();
        port.strip_suffix("/callback").unwrap().parse().unwrap()
    }

    /// Where the provider sends the browser after the sign-in.
    fn callback(&self) -> String {
        let (status, location, _) = visit(&self.url);
        assert_eq!(status, 302);
        location
    }

    fn end(self) -> CommandOutput {
        self.child.wait_with_output().unwrap().into()
    }
}

pub(crate) fn command(setup: &Setup, arguments: &[&str]) -> Command {
    let mut command = setup.command(["login", "--api", &setup.service.address(), "--company"]);
    command.args(arguments);
    command
}

/// Sends a request as it stands; returns the status, the address of a redirect, and the body.
fn send(port: u16, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let location = head
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    (
        status,
        location.unwrap_or_default().to_owned(),
        body.to_owned(),
    )
}

pub(crate) fn visit(url: &str) -> (u16, String, String) {
    let rest = url.strip_prefix("http://127.0.0.1:").unwrap();
    let (port, target) = rest.split_once('/').unwrap();
    let request =
        format!("GET /{target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    send(port.parse().unwrap(), &request)
}

#[test]
fn login_by_the_company_stores_the_tokens_that_the_browser_brought_a_code_for() {
    let _ports = ports();
    let setup = acme();
    let login = Login::start(&setup, &[]);
    let (port, callback) = (login.port(), login.callback());
    let asked = fields(login.url.split_once('?').unwrap().1);
    assert_eq!(asked["identity_provider"], "AcmeOidc");
    assert_eq!(asked["scope"], "openid email profile");
    let (status, _, page) = visit(&callback);
    assert_eq!(status, 200);
    assert!(page.contains("You are signed in"), "{page}");
    let output = login.end();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.starts_with("signed in to"), "{output:?}");
    // The port is closed: the code cannot be brought twice.
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    let session = setup.session();
    assert_eq!(session["email"], "ann@acme.example");
    assert_eq!(session["client_id"], CLIENT);
    assert_eq!(session["refresh_token"], "refresh-1");
    let state = setup.service.state();
    let bearer = format!("Bearer {}", session["id_token"].as_str().unwrap());
    assert_eq!(state.requests.last().unwrap().authorization, Some(bearer));
    drop(state);
    assert_eq!(setup.run(["whoami"]).code, Some(0));
}

#[test]
fn only_the_browser_with_the_state_of_this_sign_in_is_heard() {
    let _ports = ports();
    let setup = acme();
    let login = Login::start(&setup, &[]);
    let (port, callback) = (login.port(), login.callback());
    let target = callback.split_once("/callback").unwrap().1;
    let host = format!("host: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    for (request, expected) in [
        (
            format!("GET /callback?code=c&state=foreign HTTP/1.1\r\n{host}"),
            400,
        ),
        (
            format!("GET /callback?error=access_denied&state=foreign HTTP/1.1\r\n{host}"),
            400,
        ),
        (format!("GET /callback?code=c HTTP/1.1\r\n{host}"), 400),
        (
            format!("GET /callback{target}&state=again HTTP/1.1\r\n{host}"),
            400,
        ),
        (
            format!("POST /callback{target} HTTP/1.1\r\ncontent-length: 0\r\n{host}"),
            405,
        ),
        (format!("GET /{target} HTTP/1.1\r\n{host}"), 404),
        (
            format!(
                "GET /callback{target} HTTP/1.1\r\nhost: evil.example:{port}\r\nconnection: close\r\n\r\n"
            ),
            421,
        ),
    ] {
        let (status, _, page) = send(port, &request);
        assert_eq!(status, expected, "{request}");
        assert_eq!(
            page.contains("was not started here"),
            status == 400,
            "{page}"
        );
    }
    assert_eq!(visit(&callback).0, 200);
    let output = login.end();
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn refusal_of_the_provider_is_shown_and_nothing_is_stored() {
    let _ports = ports();
    let setup = acme();
    setup.service.state().domain.refusal =
        Some("access_denied&error_description=User+is+not+assigned");
    let login = Login::start(&setup, &[]);
    let (_, _, page) = visit(&login.callback());
    assert!(page.contains("You are not signed in"), "{page}");
    let output = login.end();
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output
            .stderr
            .contains("the sign-in was refused: User is not assigned (access_denied)"),
        "{output:?}"
    );
    assert!(!setup.session_path().exists());
}

#[test]
fn id_token_that_is_not_of_this_sign_in_is_refused() {
    let _ports = ports();
    for (claim, value, why) in [
        (
            "nonce",
            json!("of another sign-in"),
            "it belongs to another sign-in",
        ),
        (
            "iss",
            json!("https://issuer.example/pool-2"),
            "it is of another issuer",
        ),
        ("aud", json!("another-client"), "it is for another client"),
        ("exp", json!(1), "it has expired"),
        ("token_use", json!("access"), "it is no ID token"),
    ] {
        let setup = acme();
        setup.service.state().domain.claims = vec![(claim, value)];
        let login = Login::start(&setup, &[]);
        visit(&login.callback());
        let output = login.end();
        assert_eq!(output.code, Some(3), "{output:?}");
        assert!(output.stderr.contains(why), "{output:?}");
        assert!(!setup.session_path().exists());
    }
}

#[test]
fn code_of_another_sign_in_or_used_before_is_refused() {
    let _ports = ports();
    let setup = acme();
    // An attacker's own code, brought with the state of this sign-in: PKCE refuses it.
    let login = Login::start(&setup, &[]);
    let asked = fields(login.url.split_once('?').unwrap().1);
    let other = "A".repeat(43);
    let (_, foreign, _) = visit(&login.url.replace(&asked["code_challenge"], &other));
    visit(&foreign);
    let output = login.end();
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stderr.contains("invalid_grant"), "{output:?}");
    assert!(output.stderr.contains("works once"), "{output:?}");
    // A code that another program redeemed first.
    let login = Login::start(&setup, &[]);
    let callback = login.callback();
    let code = fields(callback.split_once('?').unwrap().1)["code"].clone();
    let form =
        format!("grant_type=authorization_code&client_id={CLIENT}&code={code}&code_verifier=guess");
    let port = setup
        .service
        .address()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let head = format!(
        "POST /domain/oauth2/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}",
        form.len()
    );
    assert_eq!(send(port, &format!("{head}\r\n\r\n{form}")).0, 400);
    visit(&callback);
    assert_eq!(login.end().code, Some(3));
    assert!(!setup.session_path().exists());
}

#[test]
fn second_port_is_used_if_the_first_is_taken_and_the_code_is_pasted_if_all_are() {
    let _ports = ports();
    let setup = acme();
    let first = TcpListener::bind(("127.0.0.1", 18457)).unwrap();
    let login = Login::start(&setup, &[]);
    assert_eq!(login.port(), 28457);
    visit(&login.callback());
    assert_eq!(login.end().code, Some(0));
    let others = [28457, 38457].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let output = paste(&setup, &[("DISPLAY", ":0")], &[], |code, state| {
        format!("{code}#{state}")
    });
    assert_eq!(output.code, Some(0), "{output:?}");
    drop((first, others));
}

#[test]
fn login_ends_after_its_time_and_on_ctrl_c() {
    let _ports = ports();
    let setup = acme();
    let login = Login::start(&setup, &["--timeout", "1"]);
    let output = login.end();
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output.stderr.contains("no sign-in within 1 s"),
        "{output:?}"
    );
    let login = Login::start(&setup, &[]);
    interrupt(&login.child);
    let output = login.end();
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(output.stderr.contains("docket login --paste"), "{output:?}");
    assert!(!setup.session_path().exists());
}

#[test]
fn e_mail_address_means_a_password_also_where_a_company_signs_in() {
    let setup = acme();
    let tokens = json!({"AuthenticationResult": {"IdToken": "token-9", "ExpiresIn": 3600}});
    setup.service.respond_once("POST /sign-in", 200, &tokens);
    let output: CommandOutput = setup
        .command([
            "login",
            "--api",
            &setup.service.address(),
            "--email",
            "ann@example.com",
        ])
        .env("DOCKET_PASSWORD", "s3cret-word")
        .output()
        .unwrap()
        .into();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(setup.session()["id_token"], "token-9");
    assert_eq!(setup.session().get("domain_url"), None::<&Value>);
}
