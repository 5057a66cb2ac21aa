//! A receipt of a ready job, checked by `docket verify` and by the independent verifier in Python.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::{CUSTOMER, CliUser};
use crate::support::{run, sample, within_timeout};

/// 1,000 mutations each of receipt, document and result are refused: `tests/clients/receipts.py`.
async fn independent_verifier_agrees(files: [&Path; 4]) {
    let python = devstack::repo_file("target/venv-clients/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "run: make venv-clients");
        eprintln!("skipped: make venv-clients");
        return;
    }
    let mut program = Command::new(&python);
    program
        .arg(devstack::repo_file("tests/clients/receipts.py"))
        .args(files)
        .stdin(Stdio::null());
    let done = within_timeout("the verifier in Python", program.output()).await;
    let done = done.unwrap();
    let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{printed}");
}

#[test]
fn receipt_of_a_ready_job_is_verified_without_the_service() {
    run(async |stack| {
        let user = CliUser::sign_in(stack, CUSTOMER).await;
        let folder = user.directory().to_owned();
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        // Its result is saved beside it.
        let document = file("agreement.pdf");
        std::fs::write(&document, sample("contracts/consulting-agreement.pdf")).unwrap();
        let upload = [
            "upload",
            &document,
            "-p",
            "legal-review",
            "--reference",
            "receipt",
            "--run-anyway",
            "--wait",
        ];
        let ran = user.docket(&upload).await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let found = user.json(&["jobs", "find", "receipt"]).await;
        let id = found["jobs"][0]["id"].as_str().unwrap();

        let (receipt, keys, result) = (file("a.receipt"), file("keys.json"), file("a.json"));
        for command in [
            ["jobs", "receipt", id, "--output", &receipt],
            ["jobs", "result", id, "--output", &result],
        ] {
            let ran = user.docket(&command).await;
            assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        }
        let printed = user.docket(&["receipt-keys"]).await;
        assert_eq!(printed.status, 0, "{}", printed.stderr);
        std::fs::write(&keys, printed.stdout).unwrap();

        let verify = async |document: &str, result: &str| {
            let command = ["verify", &receipt, "--keys", &keys, "--document", document];
            let command = [&command[..], &["--result", result]].concat();
            user.docket(&command).await
        };
        let ran = verify(&document, &result).await;
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        let exchanged = verify(&result, &document).await;
        assert_eq!(exchanged.status, 1, "{}", exchanged.stdout);
        let paths = [&receipt, &keys, &document, &result];
        independent_verifier_agrees(paths.map(Path::new)).await;

        let mut changed = std::fs::read(&receipt).unwrap();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        std::fs::write(&receipt, changed).unwrap();
        let ran = verify(&document, &result).await;
        assert_eq!(ran.status, 1, "{}", ran.stdout);
    });
}
