//! Deploys a function with another `pipelines.toml` than the one that ships.

use std::path::{Path, PathBuf};
use std::process::Command;

use devstack::Stack;
use devstack::cloud::{ACCESS_KEY, REGION, SECRET_KEY};

/// Runs the AWS CLI of the local stack.
pub(crate) fn aws_cli(stack: &Stack, arguments: &[&str]) -> String {
    let done = Command::new(devstack::venv_python().unwrap())
        .args(["-m", "awscli"])
        .args(arguments)
        .env_clear()
        .envs([
            ("AWS_ENDPOINT_URL", stack.cloud.url.as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_DEFAULT_REGION", REGION),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{arguments:?}: {text}");
    text
}

/// Deploys a function as it ships.
pub(crate) fn deploy_shipped(stack: &Stack, function: &str) {
    deploy(stack, function, &shipped_zip(function));
}

/// Deploys a function with settings added to the table of a pipeline.
pub(crate) fn deploy_with_settings(stack: &Stack, function: &str, pipeline: &str, settings: &str) {
    let shipped = include_str!("../../../infra/pipelines.toml");
    let table = format!("[{pipeline}]\n");
    let pipelines = shipped.replace(&table, &format!("{table}{settings}\n"));
    assert_ne!(pipelines, shipped);
    let zip = super::temporary_file("function.zip");
    repackage(&shipped_zip(function), &pipelines, &zip);
    deploy(stack, function, &zip);
    std::fs::remove_file(zip).unwrap();
}

fn shipped_zip(function: &str) -> PathBuf {
    devstack::repo_file(&format!("target/lambda/{function}.zip"))
}

/// A zip that ships, with another `pipelines.toml`.
fn repackage(zip: &Path, pipelines: &str, to: &Path) {
    const PROGRAM: &str = "
import sys, zipfile
source, pipelines, target = sys.argv[1:]
with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as new:
    for entry in old.infolist():
        new.writestr(entry, pipelines if entry.filename == 'pipelines.toml' else old.read(entry))
";
    let done = Command::new(devstack::venv_python().unwrap())
        .args(["-c", PROGRAM])
        .args([zip.as_os_str(), pipelines.as_ref(), to.as_os_str()])
        .status()
        .unwrap();
    assert!(done.success());
}

fn deploy(stack: &Stack, function: &str, zip: &Path) {
    let code = format!("fileb://{}", zip.display());
    let name = format!("docket-{function}");
    let arguments = ["lambda", "update-function-code", "--function-name", &name];
    aws_cli(stack, &[&arguments[..], &["--zip-file", &code]].concat());
}
