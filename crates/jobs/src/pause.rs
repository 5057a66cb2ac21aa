//! Pauses: while a pipeline or a tenant is paused, its jobs wait in the table instead of in the endpoint's queue.
//!
//! All pauses are in one record, which each function reads before it starts an attempt. A job that a pause holds is saved as
//! [`Queued`](crate::state::State::Queued), and [`crate::release`] starts it once no pause holds it. An attempt that was started
//! before the pause continues.

mod scope;

use std::time::Duration;

use crate::breaker::{Breaker, held_by_breaker};
use crate::event::HeldBy;
use crate::id::{Tenant, Timestamp};
use crate::ports::{KeyValueStore, Record, Unavailable};
use crate::window::{KnownWindow, is_full, is_window_line};
use scope::EVERY;

pub use scope::{Pause, PauseDetails, PauseScope};

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
/// All pauses at one time, and what else is in the same record: the circuit breakers ([`crate::breaker`]), and what is known of
/// the windows ([`crate::window`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    pauses: Vec<Pause>,
    breakers: Vec<Breaker>,
    windows: Vec<KnownWindow>,
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

    /// The pipeline's window as function `capacity` last stored it.
    pub fn window(&self, pipeline: &str) -> Option<&KnownWindow> {
        let mut windows = self.windows.iter();
        windows.find(|known| known.pipeline == pipeline)
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
        let windows = self.windows.iter().map(KnownWindow::to_line);
        let lines: Vec<String> = pauses.chain(breakers).chain(windows).collect();
        let ends = self.pauses.iter().map(|pause| pause.details.until);
        let kept = self.breakers.iter().map(Breaker::kept_until);
        let known = self.windows.iter().map(|known| known.until);
        let last = ends.chain(kept).chain(known).max();
        Record {
            body: lines.join("\n"),
            revision: revision + 1,
            expires_at: Some(last.unwrap_or(now).plus(RECORD_KEPT)),
        }
    }
}

/// What the record says about a job that is about to be sent to the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing holds it, and it is not known how many attempts its endpoint should get.
    None,
    /// Nothing holds it: the window of its pipeline has places.
    Place,
    By(HeldBy),
}

/// What holds the jobs of `tenant` in `pipeline` now. A record that cannot be read is a pause of every job, since any of them
/// may be paused. Without lists and texts of its own, since every start of an attempt comes here.
///
/// # Errors
/// If the store does not answer.
pub async fn hold<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Hold, Unavailable> {
    let Some(record) = ports.get(COLLECTION, KEY).await? else {
        return Ok(Hold::None);
    };
    let is = |named: &str, own: &str| named == EVERY || named == own;
    let mut hold = Hold::None;
    for line in record.body.lines() {
        if is_window_line(line) {
            match is_full(line, pipeline, now) {
                Some(_) if hold == Hold::By(HeldBy::Breaker) => {}
                Some(true) => hold = Hold::By(HeldBy::Turn),
                Some(false) => hold = Hold::Place,
                None => {}
            }
            continue;
        }
        let is_paused = scope_and_end(line).is_none_or(|(on_pipeline, on_tenant, until)| {
            is(on_pipeline, pipeline) && is(on_tenant, tenant.as_str()) && until > now
        });
        if is_paused {
            return Ok(Hold::By(HeldBy::Pause));
        }
        if held_by_breaker(line, pipeline, now) {
            hold = Hold::By(HeldBy::Breaker);
        }
    }
    Ok(hold)
}

/// What holds an attempt whose turn it is, and a retry that is due: a pause or a breaker. See [`hold`].
///
/// # Errors
/// If the store does not answer.
pub async fn held_by<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Option<HeldBy>, Unavailable> {
    Ok(match hold(ports, pipeline, tenant, now).await? {
        Hold::By(by @ (HeldBy::Pause | HeldBy::Breaker)) => Some(by),
        Hold::By(HeldBy::Turn) | Hold::None | Hold::Place => None,
    })
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
    change_pause(ports, &pause.scope, Some(pause), now).await
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
    change_pause(ports, scope, None, now).await
}

/// Stores what is known of the window of a pipeline.
///
/// # Errors
/// See [`Pauses::load`].
pub(crate) async fn store_window<P: KeyValueStore>(
    ports: &P,
    known: &KnownWindow,
    now: Timestamp,
) -> Result<(), Unavailable> {
    let set = |pauses: &mut Pauses| {
        let windows = &mut pauses.windows;
        windows.retain(|window| window.pipeline != known.pipeline);
        windows.push(known.clone());
        PauseChange::Done
    };
    // If the record was changed too often meanwhile, the next evaluation stores it.
    change(ports, now, set).await.map(drop)
}

pub(crate) async fn read<P: KeyValueStore>(
    ports: &P,
    now: Timestamp,
) -> Result<(Pauses, u64), Unavailable> {
    let mut found = Pauses::default();
    let Some(record) = ports.get(COLLECTION, KEY).await? else {
        return Ok((found, 0));
    };
    for line in record.body.lines() {
        if is_window_line(line) {
            let known = KnownWindow::from_line(line).filter(|known| known.until > now);
            found.windows.extend(known);
            continue;
        }
        if line.starts_with('!') {
            found.breakers.extend(Breaker::from_line(line));
            continue;
        }
        let pause = Pause::from_line(line).ok_or_else(|| Unavailable {
            what: "the pause record",
            source: "a line cannot be read".into(),
        })?;
        if pause.details.until > now {
            found.pauses.push(pause);
        }
    }
    found.breakers.retain(|it| it.kept_until() > now);
    Ok((found, record.revision))
}

async fn change_pause<P: KeyValueStore>(
    ports: &P,
    scope: &PauseScope,
    new: Option<&Pause>,
    now: Timestamp,
) -> Result<PauseChange, Unavailable> {
    let set = |found: &mut Pauses| {
        let before = found.pauses.len();
        found.pauses.retain(|pause| pause.scope != *scope);
        // Resuming a pipeline also closes its breaker.
        let mut is_closed = false;
        if let (None, PauseScope::Pipeline(pipeline)) = (new, scope) {
            is_closed = found.open_breaker(pipeline).is_some();
            found.breakers.retain(|it| it.pipeline != *pipeline);
        }
        match new {
            None if found.pauses.len() == before && !is_closed => return PauseChange::NotPaused,
            Some(_) if found.pauses.len() >= MAX_PAUSES => return PauseChange::TooMany,
            None | Some(_) => found.pauses.extend(new.cloned()),
        }
        PauseChange::Done
    };
    change(ports, now, set).await
}

async fn change<P: KeyValueStore>(
    ports: &P,
    now: Timestamp,
    set: impl Fn(&mut Pauses) -> PauseChange,
) -> Result<PauseChange, Unavailable> {
    for _ in 0..MAX_CONFLICTS {
        let (mut found, revision) = read(ports, now).await?;
        let change = set(&mut found);
        if change != PauseChange::Done {
            return Ok(change);
        }
        let record = found.to_record(revision, now);
        if ports.put(COLLECTION, KEY, &record).await? {
            return Ok(PauseChange::Done);
        }
    }
    Ok(PauseChange::Contended)
}
