//! `docket login --paste`: the browser is on another machine, and its user copies the code from the page.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use crate::company::{acme, command, visit};
use crate::fake_domain::{PAGE, fields};
use crate::fake_service::ReceivedRequest;
use crate::setup::{CommandOutput, Setup};

/// Signs in on another machine, and pastes what `copied` makes of the code and the state.
pub(crate) fn paste(
    setup: &Setup,
    environment: &[(&str, &str)],
    arguments: &[&str],
    copied: impl FnOnce(&str, &str) -> String,
) -> CommandOutput {
    let mut child = command(setup, arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let url = loop {
        let mut line = String::new();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "no address was printed"
        );
        if line.starts_with("http") {
            break line.trim().to_owned();
        }
    };
    let (_, location, _) = visit(&url);
    let query = location
        .strip_prefix(&format!("{PAGE}/sign-in/code?"))
        .unwrap();
    let found = fields(query);
    let text = copied(&found["code"], &found["state"]);
    writeln!(child.stdin.take().unwrap(), "{text}").unwrap();
    let mut stderr = String::new();
    lines.read_to_string(&mut stderr).unwrap();
    let output: CommandOutput = child.wait_with_output().unwrap().into();
    CommandOutput { stderr, ..output }
}

#[test]
fn code_is_pasted_where_no_browser_can_be_opened() {
    let setup = acme();
    let output = paste(&setup, &[], &[], |code, state| format!("  {code}#{state} "));
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(setup.session()["email"], "ann@acme.example");
    let output = paste(&setup, &[("DISPLAY", ":0")], &["--paste"], |code, state| {
        format!("{PAGE}/sign-in/code?code={code}&state={state}")
    });
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn pasted_code_of_another_sign_in_is_refused() {
    let setup = acme();
    let output = paste(&setup, &[], &[], |code, _| format!("{code}#another"));
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output
            .stderr
            .contains("this code belongs to another sign-in"),
        "{output:?}"
    );
    let output = paste(&setup, &[], &[], |code, _| code.to_owned());
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("not the whole code"), "{output:?}");
    assert!(!setup.session_path().exists());
}

#[test]
fn provider_is_chosen_by_its_name_or_label() {
    let setup = acme();
    let run = |arguments: &[&str]| -> CommandOutput {
        command(&setup, arguments).output().unwrap().into()
    };
    let output = run(&["Globex"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.contains("the providers are: Acme"),
        "{output:?}"
    );
    setup
        .service
        .state()
        .domain
        .providers
        .push(("GlobexSaml", "Globex"));
    let output = run(&[]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("Acme, Globex"), "{output:?}");
    for name in ["globex", "GlobexSaml"] {
        let output = paste(&setup, &[], &[name], |code, state| {
            format!("{code}#{state}")
        });
        assert_eq!(output.code, Some(0), "{output:?}");
        let state = setup.service.state();
        let asked = |line: &&ReceivedRequest| line.request_line.contains("authorize");
        let last = state.requests.iter().rev().find(asked).unwrap();
        assert!(
            last.request_line.contains("identity_provider=GlobexSaml"),
            "{last:?}"
        );
    }
    let without = Setup::new();
    let output: CommandOutput = command(&without, &[]).output().unwrap().into();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.contains("no sign-in by a company"),
        "{output:?}"
    );
}
