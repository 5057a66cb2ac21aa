//! The limits of what a pipeline may say.

use super::{ConfigError, Output, Pipeline, result_paths};

impl Pipeline {
    pub(super) fn wrong(&self, field: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Field {
            field: format!("{}.{field}", self.name),
            problem: problem.into(),
        }
    }

    /// Rejects values that cannot work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let range = |field: &str, value: u64, low: u64, high: u64| {
            let fits = (low..=high).contains(&value);
            if fits {
                Ok(())
            } else {
                Err(self.wrong(field, format!("{value} is not within {low} to {high}")))
            }
        };
        let plain = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !plain(&self.name) || self.name.len() > 40 {
            return Err(self.wrong("name", "must be 1 to 40 of a-z, 0-9 and '-'"));
        }
        if let Some(name) = &self.display_name
            && !((1..=60).contains(&name.chars().count()) && name.trim() == name)
        {
            return Err(self.wrong(
                "display_name",
                format!("{name:?} is not 1 to 60 characters without space around them"),
            ));
        }
        let unreadable = |entry: &&String| result_paths::split(entry).is_none();
        if let Some(entry) = self.result_paths.iter().find(unreadable) {
            return Err(self.wrong(
                "result_paths",
                format!("{entry:?} is not a part of a result and a JSON Pointer, such as \"findings=/output/hits\""),
            ));
        }
        if self.output == Output::Pdf && !self.result_paths.is_empty() {
            return Err(self.wrong("result_paths", "its results are PDF, which has no paths"));
        }
        // The same rule as parameter `InputPrefix` of infra/endpoint.yaml. It keeps inputs out of the prefixes that Docket writes to.
        let folder = self.prefix.strip_suffix('/').unwrap_or_default();
        if !folder.strip_prefix("inbound").is_some_and(plain) {
            return Err(self.wrong(
                "prefix",
                format!(
                    "{:?} must be inbound, more of a-z, 0-9 and '-' if there are several, and '/'",
                    self.prefix
                ),
            ));
        }
        let endpoint_fits = self
            .endpoint
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !self.endpoint.starts_with('-')
            && (1..=63).contains(&self.endpoint.len());
        if !endpoint_fits {
            return Err(self.wrong(
                "endpoint",
                format!("{:?} is not a SageMaker endpoint name", self.endpoint),
            ));
        }
        if self.content_types.is_empty() {
            return Err(self.wrong("content_types", "needs at least one media type"));
        }
        range("max_bytes", self.max_bytes, 1, 1 << 30)?;
        range(
            "invocation_timeout_seconds",
            self.invocation_timeout_seconds.into(),
            1,
            3600,
        )?;
        range(
            "queue_ttl_seconds",
            self.queue_ttl_seconds.into(),
            60,
            21_600,
        )?;
        range("attempts", self.attempts.into(), 1, 20)?;
        for status in self.rejection_statuses.iter().flatten() {
            range("rejection_statuses", (*status).into(), 400, 599)?;
        }
        range("backoff_seconds", self.backoff_seconds.len() as u64, 1, 20)?;
        range(
            "max_notification_delay_seconds",
            self.max_notification_delay_seconds.into(),
            60,
            86_400,
        )?;
        range(
            "job_deadline_seconds",
            self.job_deadline_seconds.into(),
            60,
            14 * 86_400,
        )?;
        range(
            "slo_seconds",
            self.slo_seconds.into(),
            1,
            self.job_deadline_seconds.into(),
        )?;
        range(
            "typical_run_seconds",
            self.typical_run_seconds.into(),
            1,
            self.invocation_timeout_seconds.into(),
        )?;
        for (field, value, low, high) in [
            (
                "drain_within_seconds",
                self.capacity.drain_within_seconds,
                1_u32,
                self.slo_seconds,
            ),
            ("idle_seconds", self.capacity.idle_seconds, 0, 14_400),
            (
                "typical_cold_start_seconds",
                self.capacity.typical_cold_start_seconds,
                1,
                7200,
            ),
        ] {
            if let Some(value) = value
                && !(i64::from(low)..=i64::from(high)).contains(&value)
            {
                let problem = format!("{value} is not within {low} to {high}");
                return Err(self.wrong(&format!("capacity.{field}"), problem));
            }
        }
        if self.breaker.failures != 0 {
            range("breaker.failures", self.breaker.failures.into(), 2, 20)?;
        }
        range(
            "breaker.probe_seconds",
            self.breaker.probe_seconds.into(),
            10,
            600,
        )?;
        for delay in &self.backoff_seconds {
            range("backoff_seconds", (*delay).into(), 0, 86_400)?;
        }
        let delays = (1..self.attempts).map(|n| {
            self.backoff_seconds
                .get(usize::from(n) - 1)
                .or_else(|| self.backoff_seconds.last())
        });
        let worst = u64::from(self.attempts) * u64::from(self.max_attempt_seconds())
            + delays.flatten().map(|d| u64::from(*d)).sum::<u64>();
        if worst > u64::from(self.job_deadline_seconds) {
            let deadline = self.job_deadline_seconds;
            return Err(self.wrong(
                "job_deadline_seconds",
                format!(
                    "{deadline} is less than the {worst} s that {} attempts may take",
                    self.attempts
                ),
            ));
        }
        let days = self.retention_days;
        range("retention_days.input", days.input.into(), 1, 3650)?;
        range("retention_days.output", days.output.into(), 1, 3650)?;
        range("retention_days.audit", days.audit.into(), 1, 3650)?;
        if days.row <= days.input {
            return Err(self.wrong(
                "retention_days.row",
                "must be longer than retention_days.input, or old objects would be run again",
            ));
        }
        Ok(())
    }
}
