//! Releases while a breaker is open.

use super::*;

impl Scene {
    /// The endpoint has failed every document for a minute.
    fn open_breaker(&self) {
        self.open_breaker_in_line(1);
    }

    fn open_breaker_in_line(&self, at: usize) {
        let mut state = self.memory.state();
        let (since, probe_at) = (state.now, state.now.plus(Duration::from_secs(60)));
        let mut record = state.records.get("pauses", "now").unwrap();
        let line = format!(
            "!{PIPELINE}:*\t{}\t{}\t-\tfails\t-\tthe endpoint is down",
            probe_at.0, since.0
        );
        let mut lines: Vec<&str> = record.body.lines().collect();
        lines.insert(at, &line);
        record.body = lines.join("\n");
        record.revision += 1;
        state.records.put("pauses", "now", &record);
    }

    /// The jobs for which the reconciler sends checks, and in how many seconds these arrive.
    fn checks_of_reconciler(&self) -> Vec<(JobId, u32)> {
        let all = Pipelines::parse(include_str!("../../../../infra/pipelines.toml")).unwrap();
        let until = self.memory.now().plus(Duration::from_secs(600));
        wait(release_queued(&self.memory, &all, until));
        let checks = std::mem::take(&mut self.memory.state().checks);
        let checks = checks.iter();
        checks
            .map(|check| (check.message.job, check.delay_seconds))
            .collect()
    }
}

/// Only a probe starts, and it is the oldest job, whatever its tenant: a document that fails every probe queues behind the others.
#[test]
fn while_a_breaker_is_open_nothing_is_released_and_the_oldest_job_probes() {
    for tenants in [["acme", "globex"], ["globex", "acme"]] {
        let mut scene = Scene::new();
        scene.pass(1);
        let before = scene.queue(tenants[1], 1);
        scene.pass(1);
        scene.open_breaker();
        let mut held = Vec::new();
        for tenant in [tenants[0], tenants[1], tenants[1], tenants[0]] {
            scene.memory.state().now.0 += 1000;
            held.extend(scene.queue(tenant, 1));
        }
        assert_eq!(scene.release(), [], "{tenants:?}");
        // The check of the first job makes it wait for the breaker, too: it was queued for its turn.
        let checks = scene.checks_of_reconciler();
        // Each probe is due half of the breaker's age after the one before, and its check arrives two seconds later.
        let delays = [0, 58, 120, 184, 280];
        let expected: Vec<(JobId, u32)> = before.iter().chain(&held).copied().zip(delays).collect();
        assert_eq!(checks, expected, "{tenants:?}");
        assert_eq!(scene.memory.state().release_requests, []);
        // The breaker has closed.
        scene.pass(60);
        assert_eq!(scene.release().len(), WINDOW, "{tenants:?}");
        scene.checks_of_reconciler();
        assert_eq!(scene.memory.state().release_requests.len(), 1);
    }
}

#[test]
fn breaker_holds_uploads_whatever_the_window_is() {
    for (jobs, line) in [(0, 0), (0, 1), (WINDOW, 0), (WINDOW, 1)] {
        let mut scene = Scene::new();
        scene.at_endpoint("acme", jobs);
        scene.release();
        scene.open_breaker_in_line(line);
        let acme: Tenant = "acme".parse().unwrap();
        let held = wait(hold(&scene.memory, PIPELINE, &acme, scene.memory.now())).unwrap();
        let case = format!("{jobs} at the endpoint, line {line}");
        assert_eq!(held, Hold::By(HeldBy::Breaker), "{case}");
    }
}
