//! The line of a breaker in the pause record: columns with tabs, as a pause. The first column begins with `!`, so that a
//! release that knows no breakers takes it for a pause of a pipeline that does not exist.

use super::{Breaker, FailureKind, OpenBreaker, PROBE_OVERDUE, RecentFailure};
use crate::id::{Attempt, Timestamp};

/// An empty column.
const EMPTY: &str = "-";

impl FailureKind {
    const fn name(self) -> &'static str {
        match self {
            Self::RefusedCall => "refuses",
            Self::FailedRun => "fails",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::RefusedCall, Self::FailedRun];
        all.into_iter().find(|it| it.name() == name)
    }
}

impl RecentFailure {
    fn to_text(self) -> String {
        let Self {
            at,
            job,
            attempt,
            kind,
            detail_hash,
        } = self;
        format!("{},{job},{attempt},{},{detail_hash:x}", at.0, kind.name())
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut part = || parts.next();
        Some(Self {
            at: Timestamp(part()?.parse().ok()?),
            job: part()?.parse().ok()?,
            attempt: Attempt(part()?.parse().ok()?),
            kind: FailureKind::from_name(part()?)?,
            detail_hash: u32::from_str_radix(part()?, 16).ok()?,
        })
    }
}

impl Breaker {
    /// The pipeline, when the next probe is due (0: closed), since when (open, or failures count), the probing job, what the
    /// endpoint does, the failures, and why it is open.
    pub(crate) fn to_line(&self) -> String {
        let failures: Vec<String> = self.failures.iter().map(|it| it.to_text()).collect();
        let failures = match failures.len() {
            0 => EMPTY.to_owned(),
            _ => failures.join(";"),
        };
        let (probe_at, since, probe, kind, reason) = match &self.open {
            Some(open) => (
                open.probe_at.0,
                open.since.0,
                open.probe
                    .map_or_else(|| EMPTY.to_owned(), |it| it.to_string()),
                open.kind.name(),
                open.reason.replace(['\t', '\n', '\r'], " "),
            ),
            None => (
                0,
                self.counted_since.0,
                EMPTY.to_owned(),
                EMPTY,
                String::new(),
            ),
        };
        let pipeline = &self.pipeline;
        format!("!{pipeline}:*\t{probe_at}\t{since}\t{probe}\t{kind}\t{failures}\t{reason}")
    }

    /// `None` for other lines, and for one that cannot be read: then it is as if it were lost.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut columns = line.strip_prefix('!')?.splitn(7, '\t');
        let mut column = || columns.next();
        let pipeline = column()?.strip_suffix(":*")?.to_owned();
        let probe_at: u64 = column()?.parse().ok()?;
        let since = Timestamp(column()?.parse().ok()?);
        let probe = column()?;
        let kind = column()?;
        let failures = column()?.split(';').filter(|it| *it != EMPTY);
        let failures = failures.map(RecentFailure::from_text);
        let failures = failures.collect::<Option<Vec<_>>>()?;
        let reason = column()?.to_owned();
        if probe_at == 0 {
            return Some(Self {
                pipeline,
                open: None,
                counted_since: since,
                failures,
            });
        }
        let open = OpenBreaker {
            since,
            probe_at: Timestamp(probe_at),
            probe: match probe {
                EMPTY => None,
                id => Some(id.parse().ok()?),
            },
            kind: FailureKind::from_name(kind)?,
            reason,
        };
        Some(Self {
            pipeline,
            open: Some(open),
            counted_since: Timestamp(0),
            failures,
        })
    }
}

/// Whether the line is that of the open breaker of `pipeline`, and a job probes it. Without lists and texts of its own, as
/// [`crate::pause::held_by`].
pub fn held_by_breaker(line: &str, pipeline: &str, now: Timestamp) -> bool {
    let probe_at = || {
        let rest = line.strip_prefix('!')?.strip_prefix(pipeline)?;
        let (probe_at, _) = rest.strip_prefix(":*\t")?.split_once('\t')?;
        probe_at.parse().ok().map(Timestamp)
    };
    probe_at().is_some_and(|probe_at| probe_at.0 != 0 && now < probe_at.plus(PROBE_OVERDUE))
}
