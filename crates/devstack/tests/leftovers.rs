//! However the demo ends, nothing it started is left. Looks into `/proc`, so on Linux only.
//! `make test` runs this after making the zips that the demo deploys.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A generous bound on what the slowest child takes to stop.
const PATIENCE: Duration = Duration::from_secs(60);

struct Demo {
    child: Child,
    folder: PathBuf,
}

impl Demo {
    /// Starts the demo and waits until it says so.
    fn at(step: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_devstack"))
            .arg("demo")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let folder = devstack::repo_file(".docket").join(format!("demo-{}", child.id()));
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        while !said.contains(step) {
            let read = lines.read_line(&mut said).unwrap();
            assert!(read > 0, "the demo ended before {step:?}:\n{said}");
        }
        // Somebody must go on reading, or the demo would see a broken pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, folder }
    }

    /// The processes whose environment names the demo's folder.
    fn started(&self) -> Vec<u32> {
        let mark = format!("{}/", self.folder.display());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let ours = |id: &u32| {
            let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment
                .windows(mark.len())
                .any(|window| window == mark.as_bytes())
        };
        ids.filter(ours).collect()
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
fn ctrl_c_stops_everything_before_the_demo_ends() {
    for step in ["starting MiniStack", "waking"] {
        let mut demo = Demo::at(step);
        let status = demo.signal("-INT");
        assert_eq!(status.code(), Some(130));
        assert!(!demo.folder.exists());
        gone(&demo);
    }
}

#[test]
fn nothing_outlives_a_demo_that_is_killed() {
    let mut demo = Demo::at("waking");
    assert!(!demo.started().is_empty());
    let status = demo.signal("-KILL");
    assert_eq!(status.signal(), Some(9));
    gone(&demo);
}

fn gone(demo: &Demo) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let left = demo.started();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < give_up, "{left:?} are left");
        std::thread::sleep(Duration::from_millis(100));
    }
}
