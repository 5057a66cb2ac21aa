//! The Python package works, and so do the lines of its README: `clients/python/tests/stack.py`.

use std::process::Stdio;

use devstack::TEST_PASSWORD;
use tokio::process::Command;

use super::REVIEWER;
use crate::support::{run, within_timeout};

#[test]
fn python_package_uploads_resumes_and_reads_results_and_the_feed() {
    let python = devstack::repo_file("target/venv-clients/bin/python");
    if !python.exists() {
        // It shares its environment with the generated client, whose generator needs Python 3.11; CI has it.
        assert!(std::env::var_os("CI").is_none(), "run: make venv-clients");
        eprintln!("skipped: make venv-clients");
        return;
    }
    run(async |stack| {
        let document = devstack::repo_file("samples/contracts/consulting-agreement.pdf");
        let mut program = Command::new(&python);
        program
            .arg(devstack::repo_file("clients/python/tests/stack.py"))
            .arg(&stack.outputs.http_api_url)
            .arg(document)
            .args([REVIEWER, TEST_PASSWORD])
            .stdin(Stdio::null());
        let done = within_timeout("the Python package", program.output()).await;
        let done = done.unwrap();
        let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{printed}");
    });
}
