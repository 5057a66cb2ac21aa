//! A push message as a page reads it.

use jobs::state::StatusGroup;
use serde::Deserialize;

/// A pushed message. One flat struct: a tagged enum would first copy the whole message, which took a tenth of the time.
#[derive(Deserialize)]
struct PushedFrame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow, default)]
    job: Option<PushedJob<'a>>,
    #[serde(borrow, default)]
    jobs: Vec<PushedJob<'a>>,
    #[serde(default)]
    more: bool,
    #[serde(borrow, default)]
    mark: Option<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct PushedJob<'a> {
    pub(crate) id: &'a str,
    pub(crate) version: u64,
    pub(crate) tenant: &'a str,
    status: &'a str,
}

impl PushedJob<'_> {
    pub(crate) fn status_group(&self) -> &'static str {
        let group = match self.status {
            "Ready" => StatusGroup::Ready,
            "Failed" => StatusGroup::Failed,
            "Cancelled" => StatusGroup::Cancelled,
            "Erased" => StatusGroup::Erased,
            _ => StatusGroup::Open,
        };
        group.name()
    }
}

/// The jobs of a message; if it is a snapshot, whether there are no more, and its mark.
pub(crate) fn parse(frame: &[u8]) -> (Vec<PushedJob<'_>>, Option<bool>, Option<&str>) {
    match serde_json::from_slice(frame) {
        Ok(PushedFrame {
            kind: "job.changed",
            job: Some(job),
            ..
        }) => (vec![job], None, None),
        Ok(PushedFrame {
            kind: "snapshot",
            jobs,
            more,
            mark,
            ..
        }) => (jobs, Some(!more), mark),
        Ok(_) | Err(_) => (vec![], None, None),
    }
}
