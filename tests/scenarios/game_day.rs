//! `make prove` on a stack of its own, since it disables mappings and throttles functions.

use std::process::Command;
use std::sync::LazyLock;

use devstack::cloud::{ACCESS_KEY, REGION, SECRET_KEY};
use devstack::{Stack, StackOptions};

use crate::support::{SharedStack, start_stack};

static STACK: LazyLock<SharedStack<Stack>> = LazyLock::new(|| {
    SharedStack::start("game-day", async |dir, children| {
        start_stack(StackOptions::TESTS, dir, children, "game day: ").await
    })
});

/// Runs a part of `tests/local_game_day.py` and returns what it prints.
fn game_day(stack: &Stack, part: &str) -> String {
    let done = Command::new(devstack::venv_python().unwrap())
        .arg(devstack::repo_file("tests/local_game_day.py"))
        .arg(part)
        .env_clear()
        .envs([
            ("AWS_ENDPOINT_URL", stack.cloud.url.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_CONFIG_FILE", "/dev/null"),
        ])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{printed}");
    printed
}

/// Afterwards nothing of the tenant is left. `make game-days` runs many on one stack.
#[test]
fn clean_service_keeps_its_guarantees_on_a_game_day() {
    STACK.run_alone(async |stack| {
        let printed = tokio::task::block_in_place(|| game_day(stack, "clean"));
        assert!(printed.contains("all guarantees kept"), "{printed}");
        let table = &stack.outputs.jobs_table_name;
        let scan = stack.cloud.dynamodb.scan().table_name(table);
        let left = scan.send().await.unwrap();
        assert_eq!(left.count, 0, "jobs of the game day are left");
    });
}

#[test]
fn game_day_finds_planted_wrong_settings_and_grants() {
    STACK.run_alone(async |stack| {
        tokio::task::block_in_place(|| game_day(stack, "planted"));
    });
}

#[test]
fn game_day_finds_what_no_setting_shows() {
    STACK.run_alone(async |stack| {
        tokio::task::block_in_place(|| game_day(stack, "unseen"));
    });
}
