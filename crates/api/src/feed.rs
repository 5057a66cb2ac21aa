//! The feed of a tenant: all its events in one sequence, in which a lost event is noticed.
//!
//! [`append()`] numbers an event and chains it to the one before by a hash, in the same conditional write that stores it.
//! So a number exists only with its event, and nothing can appear before an event that a reader has seen.
//!
//! The newest events are in one record per tenant, the head. Before events are added to a head that holds a whole segment
//! ([`EVENTS_PER_SEGMENT`]), these are copied to a record of their own. Only events that readers could see already are copied,
//! so every function that does it writes the same record, and one that dies in between leaves nothing to repair.

mod append;
mod chain;
mod read;

use jobs::id::{JobId, Tenant, Timestamp};
use jobs::ports::Unavailable;
use serde::{Deserialize, Serialize};

pub use append::append;
pub use chain::{FIRST_HASH, next_hash};
pub use read::{
    FeedPage, FeedPosition, MAX_EVENTS_PER_PAGE, end, end_sequence, event, position_at, read,
};

/// How many events a segment holds.
pub const EVENTS_PER_SEGMENT: u64 = 10;
/// How long events are kept at least, in days.
pub const RETENTION_DAYS: u64 = 30;
const RETENTION_MS: u64 = RETENTION_DAYS * 24 * 3600 * 1000;

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventType {
    /// The job has a result. It may have been reported as failed before, with a lower version.
    #[serde(rename = "job.ready")]
    JobReady,
    /// The job has failed.
    #[serde(rename = "job.failed")]
    JobFailed,
}

impl EventType {
    pub const ALL: [Self; 2] = [Self::JobReady, Self::JobFailed];

    pub const fn name(self) -> &'static str {
        match self {
            Self::JobReady => "job.ready",
            Self::JobFailed => "job.failed",
        }
    }

    /// Its letter in the stored text.
    const fn letter(self) -> &'static str {
        match self {
            Self::JobReady => "R",
            Self::JobFailed => "F",
        }
    }
}

/// An event that is to be added to a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewEvent {
    pub job: JobId,
    /// The version of the job that reached the state.
    pub version: u64,
    pub event_type: EventType,
}

impl NewEvent {
    /// `<job id>:<version>`, as on the event bus.
    pub fn id(&self) -> String {
        format!("{}:{}", self.job, self.version)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Counts the events of the tenant, from 1.
    pub sequence: u64,
    pub event: NewEvent,
    /// When it was added. Never earlier than that of the event before.
    pub recorded_at: Timestamp,
    /// The hash of the chain that ends with it.
    pub hash: String,
}

/// Why the feed was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// Too many functions added events at once. Nothing of the chunk was added.
    #[error("the feed changed too often meanwhile")]
    Contended,
    /// Another function has the lease on what is done with the events.
    #[error("another function is at work")]
    Leased,
    /// Events after the position have expired.
    #[error("events after sequence {0} have expired")]
    Expired(u64),
    /// The feed does not have the position's event: the table was restored from a backup.
    #[error("the feed does not continue after sequence {0}")]
    NotContinued(u64),
    #[error("the feed cannot be read: {0}")]
    Unreadable(String),
}

/// Consecutive events, as a record stores them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvents {
    /// The number of events before these.
    before: u64,
    /// The hash of the event before these.
    hash: String,
    /// An event each: `<job id>:<version> <letter> <recorded_at>`.
    lines: Vec<String>,
}

impl Default for StoredEvents {
    fn default() -> Self {
        Self {
            before: 0,
            hash: FIRST_HASH.to_owned(),
            lines: Vec::new(),
        }
    }
}

impl StoredEvents {
    /// Reads a record.
    ///
    /// # Errors
    /// [`FeedError::Unreadable`].
    pub fn parse(body: &str) -> Result<Self, FeedError> {
        serde_json::from_str(body).map_err(|error| FeedError::Unreadable(error.to_string()))
    }

    fn to_body(&self) -> String {
        // Cannot fail: numbers and strings.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The sequence of the last event.
    pub fn end(&self) -> u64 {
        self.before + self.lines.len() as u64
    }

    /// The events with their numbers and hashes.
    ///
    /// # Errors
    /// [`FeedError::Unreadable`].
    pub fn events(&self) -> Result<Vec<FeedEvent>, FeedError> {
        let mut hash = self.hash.clone();
        let numbered = self.lines.iter().zip(self.before + 1..);
        numbered
            .map(|(line, sequence)| {
                let (event, recorded_at) = parse_line(line)
                    .ok_or_else(|| FeedError::Unreadable(format!("{line:?} is not an event")))?;
                hash = next_hash(&hash, sequence, &event, recorded_at);
                Ok(FeedEvent {
                    sequence,
                    event,
                    recorded_at,
                    hash: hash.clone(),
                })
            })
            .collect()
    }

    /// Whether these begin with the same events as the earlier ones, and all after those can be read.
    pub fn continues(&self, earlier: &Self) -> bool {
        let further = self.lines.strip_prefix(earlier.lines.as_slice());
        self.before == earlier.before
            && self.hash == earlier.hash
            && further.is_some_and(|lines| lines.iter().all(|line| parse_line(line).is_some()))
    }

    fn last_recorded_at(&self) -> Timestamp {
        let last = self.lines.last().and_then(|line| parse_line(line));
        last.map_or(Timestamp(0), |(_, recorded_at)| recorded_at)
    }
}

fn line(event: &NewEvent, recorded_at: Timestamp) -> String {
    format!(
        "{} {} {}",
        event.id(),
        event.event_type.letter(),
        recorded_at.0
    )
}

fn parse_line(line: &str) -> Option<(NewEvent, Timestamp)> {
    let mut words = line.split(' ');
    let (job, version) = words.next()?.split_once(':')?;
    let letter = words.next()?;
    let mut types = EventType::ALL.into_iter();
    let event = NewEvent {
        job: job.parse().ok()?,
        version: version.parse().ok()?,
        event_type: types.find(|known| known.letter() == letter)?,
    };
    let recorded_at = Timestamp(words.next()?.parse().ok()?);
    Some((event, recorded_at))
}

/// The collection of the head. Each tenant has its own, since a partition takes 1,000 write units a second.
pub fn head_collection(tenant: &Tenant) -> String {
    format!("feed-head#{tenant}")
}

pub const HEAD_KEY: &str = "head";

pub fn segment_collection(tenant: &Tenant) -> String {
    format!("feed#{tenant}")
}

/// The key of the segment whose first event has the sequence `number * EVENTS_PER_SEGMENT + 1`.
pub fn segment_key(number: u64) -> String {
    format!("{number:012}")
}
