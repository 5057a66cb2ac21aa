//! A breaker as a line of the record of pauses: columns with tabs, as a pause. The first column begins with `!`, so that a
//! release that knows no breakers takes it for a pause of a pipeline that does not exist.

use super::{Breaker, OpenBreaker, PROBE_OVERDUE, RecentFailure, Trouble};
use crate::id::{Attempt, Timestamp};

/// Stands for nothing in a column.
const NOTHING: &str = "-";

impl Trouble {
    const fn name(self) -> &'static str {
        match self {
            Self::Refuses => "refuses",
            Self::Fails => "fails",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Refuses, Self::Fails];
        all.into_iter().find(|it| it.name() == name)
    }
}

impl RecentFailure {
    fn to_text(self) -> String {
        let Self {
            at,
            job,
            attempt,
            trouble,
            words,
        } = self;
        format!("{},{job},{attempt},{},{words:x}", at.0, trouble.name())
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut part = || parts.next();
        Some(Self {
            at: Timestamp(part()?.parse().ok()?),
            job: part()?.parse().ok()?,
            attempt: Attempt(part()?.parse().ok()?),
            trouble: Trouble::from_name(part()?)?,
            words: u32::from_str_radix(part()?, 16).ok()?,
        })
    }
}

impl Breaker {
    /// The pipeline, when the next probe is due (0: closed), since when (open, or failures count), the probing job, what the
    /// endpoint does, the failures, and why it is open.
    pub(crate) fn to_line(&self) -> String {
        let failures: Vec<String> = self.failures.iter().map(|it| it.to_text()).collect();
        let failures = match failures.len() {
            0 => NOTHING.to_owned(),
            _ => failures.join(";"),
        };
        let (probe_at, since, probe, trouble, reason) = match &self.open {
            Some(open) => (
                open.probe_at.0,
                open.since.0,
                open.probe
                    .map_or_else(|| NOTHING.to_owned(), |it| it.to_string()),
                open.trouble.name(),
                open.reason.replace(['\t', '\n', '\r'], " "),
            ),
            None => (
                0,
                self.counted_since.0,
                NOTHING.to_owned(),
                NOTHING,
                String::new(),
            ),
        };
        let pipeline = &self.pipeline;
        format!("!{pipeline}:*\t{probe_at}\t{since}\t{probe}\t{trouble}\t{failures}\t{reason}")
    }

    /// `None` for other lines, and for one that cannot be read: then it is as if it were lost.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut columns = line.strip_prefix('!')?.splitn(7, '\t');
        let mut column = || columns.next();
        let pipeline = column()?.strip_suffix(":*")?.to_owned();
        let probe_at: u64 = column()?.parse().ok()?;
        let since = Timestamp(column()?.parse().ok()?);
        let probe = column()?;
        let trouble = column()?;
        let failures = column()?.split(';').filter(|it| *it != NOTHING);
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
                NOTHING => None,
                id => Some(id.parse().ok()?),
            },
            trouble: Trouble::from_name(trouble)?,
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
