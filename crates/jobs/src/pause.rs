//! Pauses: while a pipeline or a tenant is paused, its jobs wait in the table instead of in the endpoint's queue.
//!
//! The pauses are one record. A function that is about to start an attempt reads it; without a record nothing else happens. A job that is held is saved as [`Queued`](crate::state::State::Queued), and [`crate::release`] starts it
//! once no pause holds it. An attempt that was started before the pause continues.

use std::time::Duration;

use crate::breaker::{Breaker, held_by_breaker};
use crate::event::HeldBy;
use crate::id::{Tenant, Timestamp};
use crate::ports::{KeyValueStore, Record, Unavailable};

pub(crate) const COLLECTION: &str = "pauses";
pub(crate) const KEY: &str = "now";
/// Maximum number of pauses at a time. Every job reads all of them, so the record must be small: up to half a kilobyte each.
pub const MAX_PAUSES: usize = 50;
/// The longest pause. It ends by itself, so that no job waits for a person who has forgotten it.
pub const MAX_PAUSE: Duration = Duration::from_secs(7 * 86_400);
/// How long the record stays after the end of its last pause.
pub(crate) const RECORD_KEPT: Duration = Duration::from_secs(3600);
/// How often a change is repeated after another one at the same moment.
const MAX_CONFLICTS: u8 = 5;
/// Stands for every pipeline or every tenant in the first column of a line.
const EVERY: &str = "*";

/// What a pause holds: the jobs of a pipeline, of a tenant, or of a tenant in a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseScope {
    Pipeline(String),
    Tenant(Tenant),
    Both(String, Tenant),
}

impl PauseScope {
    /// `None` if neither is named: nothing pauses the whole service.
    pub fn new(pipeline: Option<String>, tenant: Option<Tenant>) -> Option<Self> {
        match (pipeline, tenant) {
            (Some(pipeline), None) => Some(Self::Pipeline(pipeline)),
            (None, Some(tenant)) => Some(Self::Tenant(tenant)),
            (Some(pipeline), Some(tenant)) => Some(Self::Both(pipeline, tenant)),
            (None, None) => None,
        }
    }

    pub fn pipeline(&self) -> Option<&str> {
        match self {
            Self::Pipeline(pipeline) | Self::Both(pipeline, _) => Some(pipeline),
            Self::Tenant(_) => None,
        }
    }

    pub const fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::Tenant(tenant) | Self::Both(_, tenant) => Some(tenant),
            Self::Pipeline(_) => None,
        }
    }

    /// Whether it holds the jobs of `tenant` in `pipeline`.
    pub fn holds(&self, pipeline: &str, tenant: &Tenant) -> bool {
        self.pipeline().is_none_or(|own| own == pipeline)
            && self.tenant().is_none_or(|own| own == tenant)
    }

    /// As stored. Neither name can contain a `*` or a `:`.
    fn key(&self) -> String {
        let tenant = self.tenant().map_or(EVERY, |tenant| tenant.as_str());
        format!("{}:{tenant}", self.pipeline().unwrap_or(EVERY))
    }

    fn from_key(key: &str) -> Option<Self> {
        let (pipeline, tenant) = key.split_once(':')?;
        let pipeline = (pipeline != EVERY).then(|| pipeline.to_owned());
        let tenant = match tenant {
            EVERY => None,
            name => Some(name.parse().ok()?),
        };
        Self::new(pipeline, tenant)
    }
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub scope: PauseScope,
    pub details: PauseDetails,
}

/// Who paused it, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseDetails {
    pub actor: String,
    pub reason: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

impl Pause {
    /// As stored: a line of five columns. As JSON, it would make function `upload-trigger` larger by some kilobytes.
    fn to_line(&self) -> String {
        let PauseDetails {
            actor,
            reason,
            since,
            until,
        } = &self.details;
        let on_one_line = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        let (key, actor, reason) = (self.scope.key(), on_one_line(actor), on_one_line(reason));
        format!("{key}\t{}\t{}\t{actor}\t{reason}", until.0, since.0)
    }

    /// Reads a line of the record.
    pub fn from_line(line: &str) -> Option<Self> {
        // The first column of a breaker's line names no pipeline.
        if line.starts_with('!') {
            return None;
        }
        let mut columns = line.splitn(5, '\t');
        let mut column = || columns.next();
        let scope = PauseScope::from_key(column()?)?;
        let until = Timestamp(column()?.parse().ok()?);
        let since = Timestamp(column()?.parse().ok()?);
        let details = PauseDetails {
            actor: column()?.to_owned(),
            reason: column()?.to_owned(),
            since,
            until,
        };
        Some(Self { scope, details })
    }
}

/// All pauses at one time, and the circuit breakers, which are in the same record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    pauses: Vec<Pause>,
    breakers: Vec<Breaker>,
}

impl Pauses {
    /// Those that have not ended, in one consistent read.
    ///
    /// # Errors
    /// If the store does not answer, or the record cannot be read.
    pub async fn load<P: KeyValueStore>(ports: &P, now: Timestamp) -> Result<Self, Unavailable> {
        Ok(read(ports, now).await?.0)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Pause> {
        self.pauses.iter()
    }

    /// The breaker of a pipeline, if it is open.
    pub fn open_breaker(&self, pipeline: &str) -> Option<&Breaker> {
        self.open_breakers().find(|it| it.pipeline == pipeline)
    }

    pub fn open_breakers(&self) -> impl Iterator<Item = &Breaker> {
        self.breakers.iter().filter(|it| it.open.is_some())
    }

    pub const fn len(&self) -> usize {
        self.pauses.len()
    }

    pub const fn is_empty(&self) -> bool {
        self.pauses.is_empty()
    }

    /// Of the pauses that hold jobs of `tenant` in `pipeline`, the one that ends last.
    pub fn holding(&self, pipeline: &str, tenant: &Tenant) -> Option<&Pause> {
        let holding = self.iter().filter(|it| it.scope.holds(pipeline, tenant));
        holding.max_by_key(|pause| pause.details.until)
    }

    /// The same pauses, with another breaker of its pipeline.
    pub(crate) fn with_breaker(mut self, pipeline: &str, breaker: Option<Breaker>) -> Self {
        self.breakers.retain(|it| it.pipeline != pipeline);
        self.breakers.extend(breaker);
        self
    }

    pub(crate) fn breaker(&self, pipeline: &str) -> Option<&Breaker> {
        self.breakers.iter().find(|it| it.pipeline == pipeline)
    }

    /// As stored, as the record after `revision`.
    pub(crate) fn to_record(&self, revision: u64, now: Timestamp) -> Record {
        let pauses = self.pauses.iter().map(Pause::to_line);
        let breakers = self.breakers.iter().map(Breaker::to_line);
        let lines: Vec<String> = pauses.chain(breakers).collect();
        let ends = self.pauses.iter().map(|pause| pause.details.until);
        let kept = self.breakers.iter().map(Breaker::kept_until);
        let last = ends.chain(kept).max();
        Record {
            body: lines.join("\n"),
            revision: revision + 1,
            expires_at: Some(last.unwrap_or(now).plus(RECORD_KEPT)),
        }
    }
}

/// What holds the jobs of `tenant` in `pipeline` now. A record that cannot be read holds every job: nobody knows
/// what is paused. Without lists and texts of its own, since every start of an attempt comes here.
///
/// # Errors
/// If the store does not answer.
pub async fn held_by<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Option<HeldBy>, Unavailable> {
    let Some(record) = ports.get(COLLECTION, KEY).await? else {
        return Ok(None);
    };
    let is = |named: &str, own: &str| named == EVERY || named == own;
    let mut held = None;
    for line in record.body.lines() {
        let is_paused = scope_and_end(line).is_none_or(|(on_pipeline, on_tenant, until)| {
            is(on_pipeline, pipeline) && is(on_tenant, tenant.as_str()) && until > now
        });
        if is_paused {
            return Ok(Some(HeldBy::Pause));
        }
        if held_by_breaker(line, pipeline, now) {
            held = Some(HeldBy::Breaker);
        }
    }
    Ok(held)
}

/// The first columns of a line: the pipeline, the tenant, and until when they are paused.
fn scope_and_end(line: &str) -> Option<(&str, &str, Timestamp)> {
    let (scope, rest) = line.split_once('\t')?;
    let (pipeline, tenant) = scope.split_once(':')?;
    let (until, _) = rest.split_once('\t')?;
    Some((pipeline, tenant, Timestamp(until.parse().ok()?)))
}

/// What becomes of a change of the pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseChange {
    Done,
    /// To resume: nothing of exactly this scope is paused.
    NotPaused,
    /// To pause: there are [`MAX_PAUSES`] already.
    TooMany,
    /// Others changed the pauses at the same moment, several times.
    Contended,
}

/// Stores a pause, in place of an earlier one of the same scope.
///
/// # Errors
/// See [`Pauses::load`].
pub async fn store<P: KeyValueStore>(
    ports: &P,
    pause: &Pause,
    now: Timestamp,
) -> Result<PauseChange, Unavailable> {
    change(ports, &pause.scope, Some(pause), now).await
}

/// Removes the pause of exactly this scope.
///
/// # Errors
/// See [`Pauses::load`].
pub async fn remove<P: KeyValueStore>(
    ports: &P,
    scope: &PauseScope,
    now: Timestamp,
) -> Result<PauseChange, Unavailable> {
    change(ports, scope, None, now).await
}

pub(crate) async fn read<P: KeyValueStore>(
    ports: &P,
    now: Timestamp,
) -> Result<(Pauses, u64), Unavailable> {
    let Some(record) = ports.get(COLLECTION, KEY).await? else {
        return Ok((Pauses::default(), 0));
    };
    let mut all = Pauses::default();
    for line in record.body.lines() {
        if line.starts_with('!') {
            all.breakers.extend(Breaker::from_line(line));
            continue;
        }
        let pause = Pause::from_line(line).ok_or_else(|| Unavailable {
            what: "the record of pauses",
            source: "a line cannot be read".into(),
        })?;
        if pause.details.until > now {
            all.pauses.push(pause);
        }
    }
    all.breakers.retain(|it| it.kept_until() > now);
    Ok((all, record.revision))
}

async fn change<P: KeyValueStore>(
    ports: &P,
    scope: &PauseScope,
    new: Option<&Pause>,
    now: Timestamp,
) -> Result<PauseChange, Unavailable> {
    for _ in 0..MAX_CONFLICTS {
        let (mut all, revision) = read(ports, now).await?;
        let before = all.len();
        all.pauses.retain(|pause| pause.scope != *scope);
        // Who resumes a pipeline also closes its breaker.
        let mut is_closed = false;
        if let (None, PauseScope::Pipeline(pipeline)) = (new, scope) {
            is_closed = all.open_breaker(pipeline).is_some();
            all.breakers.retain(|it| it.pipeline != *pipeline);
        }
        match new {
            None if all.len() == before && !is_closed => return Ok(PauseChange::NotPaused),
            Some(_) if all.len() >= MAX_PAUSES => return Ok(PauseChange::TooMany),
            None | Some(_) => all.pauses.extend(new.cloned()),
        }
        let record = all.to_record(revision, now);
        if ports.put(COLLECTION, KEY, &record).await? {
            return Ok(PauseChange::Done);
        }
    }
    Ok(PauseChange::Contended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_is_read_as_it_was_stored() {
        let tenant: Tenant = "acme".parse().unwrap_or_else(|_| Tenant::fallback());
        for scope in [
            PauseScope::Pipeline("legal-review".to_owned()),
            PauseScope::Tenant(tenant.clone()),
            PauseScope::Both("legal-review".to_owned(), tenant),
        ] {
            assert_eq!(PauseScope::from_key(&scope.key()), Some(scope));
        }
        for key in ["", "*:*", "legal-review", "a:B C"] {
            assert_eq!(PauseScope::from_key(key), None, "{key}");
        }
        let pause = Pause {
            scope: PauseScope::Pipeline("legal-review".to_owned()),
            details: PauseDetails {
                actor: "sam@docket.example".to_owned(),
                reason: "two lines\nof a \"reason\"".to_owned(),
                since: Timestamp(1),
                until: Timestamp(u64::MAX),
            },
        };
        let read = Pause::from_line(&pause.to_line());
        let reason = "two lines of a \"reason\"".to_owned();
        let details = PauseDetails {
            reason,
            ..pause.details.clone()
        };
        assert_eq!(read, Some(Pause { details, ..pause }));
        for line in [
            "",
            "{}",
            "a:*\t1\t2\tsam",
            "a:*\tx\t2\tsam\twhy",
            "*:*\t1\t2\tsam\twhy",
        ] {
            assert_eq!(Pause::from_line(line), None, "{line}");
        }
    }
}
