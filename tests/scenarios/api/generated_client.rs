//! Clients that two generators make of `docs/openapi.json` work: `tests/clients/smoke.py`.

use std::process::Stdio;

use tokio::process::Command;

use super::CUSTOMER;
use crate::support::{run, within_timeout};

/// Lets a client of this generator upload a document and read what becomes of it.
fn try_client(generator: &str) {
    let python = devstack::repo_file("target/venv-clients/bin/python");
    if !python.exists() {
        // The generators need Python 3.11; CI has it.
        assert!(std::env::var_os("CI").is_none(), "run: make venv-clients");
        eprintln!("skipped: make venv-clients");
        return;
    }
    run(async |stack| {
        let token = stack.id_token(CUSTOMER).await.unwrap();
        let document = devstack::repo_file("samples/contracts")
            .join("Mietvertrag Müller & Söhne (2026) v2+final.pdf");
        let mut smoke = Command::new(&python);
        smoke
            .arg(devstack::repo_file("tests/clients/smoke.py"))
            .arg(generator)
            .arg(&stack.outputs.http_api_url)
            .arg(document)
            .env("TOKEN", token)
            .stdin(Stdio::null());
        let done = within_timeout("the generated client", smoke.output()).await;
        let done = done.unwrap();
        let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{printed}");
    });
}

#[test]
fn client_by_openapi_python_client_uploads_and_reads_jobs_and_errors() {
    try_client("openapi-python-client");
}

/// The family with the most languages. Its Python client checks every value of every response.
#[test]
fn client_by_openapi_generator_uploads_and_reads_jobs_and_errors() {
    try_client("openapi-generator");
}
