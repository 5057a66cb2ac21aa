//! Completion in the shell, as a shell asks for it.

use serde_json::json;

use crate::setup::Setup;

/// What is offered for the last word.
fn completed(setup: &Setup, words: &[&str]) -> Vec<String> {
    let mut command = setup.command(["--", "docket"].iter().chain(words));
    command
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "true")
        .env("_CLAP_IFS", "\n");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn pipelines_and_tenants_of_the_service_are_completed() {
    let setup = Setup::signed_in();
    let me = setup.run(["whoami", "--json"]);
    let me: serde_json::Value = serde_json::from_str(&me.stdout).unwrap();
    let pipelines: Vec<&str> = me["pipelines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(!pipelines.is_empty());
    assert_eq!(completed(&setup, &["upload", "--pipeline", ""]), pipelines);
    let tenants: Vec<&str> = me["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    for command in [&["upload"][..], &["jobs", "list"], &["watch"]] {
        let words = [command, &["--tenant", ""]].concat();
        assert_eq!(completed(&setup, &words), tenants, "{command:?}");
    }
    assert!(completed(&setup, &["upload", "--pipeline", "zzz"]).is_empty());
}

#[test]
fn completion_without_a_service_completes_commands_and_names_nothing() {
    let setup = Setup::signed_in();
    setup.service.respond_once("GET /me", 500, &json!({}));
    let commands = completed(&setup, &["retry-p"]);
    assert_eq!(commands, ["retry-plan"]);
}

#[test]
fn script_of_each_shell_asks_this_program_and_needs_no_service() {
    let setup = Setup::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = setup.run(["completions", shell]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("COMPLETE"), "{shell}: {output:?}");
    }
}
