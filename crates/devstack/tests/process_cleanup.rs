//! No process of the demo is left over, however the demo ends. Reads `/proc`, so it runs on Linux only.
//! `make test` runs this after `make package`, because the demo deploys the zips.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails fails its test"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Generous: it ends a test that fails, and measures nothing.
const WAIT_TIMEOUT: Duration = Duration::from_secs(180);

struct RunningDemo {
    child: Child,
    run_dir: PathBuf,
}

impl RunningDemo {
    /// Starts the demo and waits until its output contains `text`.
    fn start_until(text: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_devstack"))
            .arg("demo")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let run_dir = devstack::repo_file(".docket").join(format!("demo-{}", child.id()));
        let mut output = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        while !output.contains(text) {
            let read = lines.read_line(&mut output).unwrap();
            assert!(read > 0, "the demo ended before {text:?}:\n{output}");
        }
        // Keep reading, so that the demo does not get a broken pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, run_dir }
    }

    /// The processes whose environment contains the demo's run directory.
    fn processes(&self) -> Vec<u32> {
        let marker = format!("{}/", self.run_dir.display());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_of_demo = |id: &u32| {
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment
                .windows(marker.len())
                .any(|window| window == marker.as_bytes())
        };
        ids.filter(is_of_demo).collect()
    }

    fn signal(&mut self, name: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap()
    }
}

#[test]
fn ctrl_c_stops_all_processes_before_the_demo_exits() {
    for text in ["starting MiniStack", "scaling from zero"] {
        let mut demo = RunningDemo::start_until(text);
        let status = demo.signal("-INT");
        assert_eq!(status.code(), Some(130));
        assert!(!demo.run_dir.exists());
        wait_until_all_ended(&demo);
    }
}

#[test]
fn killed_demo_leaves_no_processes() {
    let mut demo = RunningDemo::start_until("scaling from zero");
    assert!(!demo.processes().is_empty());
    let status = demo.signal("-KILL");
    assert_eq!(status.signal(), Some(9));
    wait_until_all_ended(&demo);
}

fn wait_until_all_ended(demo: &RunningDemo) {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let running = demo.processes();
        if running.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still running: {running:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
