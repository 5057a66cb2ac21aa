//! What people who upload documents are told while they wait: the page's words (`web/src/ui/reader-words.ts`). They know documents
//! and reviews, not endpoints and attempts. What the service itself says is shown by `docket jobs explain`.

use api::explain::WaitsOn;
use api::types::JobDetail;
use jobs::state::Cause;
use jobs::view::JobView;

const TRY_AGAIN: &str = "it may succeed if you try again; if it fails again, ask support";
const ASK_SUPPORT: &str = "support can see why; trying again helps only after the cause is gone";

/// Why a review gave no result, and what to do next.
pub(super) struct FailureWords {
    pub(super) what: String,
    pub(super) next: &'static str,
}

/// Of a job that is not open and not ready.
pub(super) fn failure(job: &JobView) -> FailureWords {
    let Some(failure) = &job.failure else {
        return FailureWords {
            what: "the review was stopped".to_owned(),
            next: "upload the document again if you want it reviewed",
        };
    };
    // Whether the failure's detail is meant for the person who uploaded the document.
    let (what, next, has_reason) = match Cause::from_name(&failure.cause) {
        Cause::InvalidInput => (
            "the document cannot be read",
            "upload a corrected document",
            true,
        ),
        Cause::Superseded => (
            "a newer version was uploaded",
            "the newer version is reviewed instead",
            false,
        ),
        Cause::ModelRejected => (
            "the document was rejected",
            "correct the document and upload it again",
            true,
        ),
        Cause::ModelError | Cause::Unknown => ("the review failed", TRY_AGAIN, false),
        Cause::TimedOut => ("the review took too long", TRY_AGAIN, false),
        Cause::Expired | Cause::EndpointDown => {
            ("the review could not start in time", ASK_SUPPORT, false)
        }
        Cause::Lost => ("the review gave no result", TRY_AGAIN, false),
        Cause::PipelineGone => (
            "this kind of review is no longer offered",
            "ask support",
            false,
        ),
        Cause::Refused => ("the review could not start", ASK_SUPPORT, false),
        Cause::Unprocessable => (
            "the document cannot be reviewed",
            "change the document, such as by splitting or printing it again, and upload that",
            false,
        ),
    };
    let what = if has_reason && !failure.detail.is_empty() {
        format!("{what}: {}", failure.detail)
    } else {
        what.to_owned()
    };
    FailureWords { what, next }
}

/// What an open job is doing.
pub(super) fn waiting(job: &JobView, detail: &JobDetail) -> String {
    let waiting = detail.explanation.waiting.as_ref();
    match waiting.map(|waiting| waiting.on) {
        Some(WaitsOn::Stalled) => {
            return "this takes longer than it should; if it is urgent, ask support".to_owned();
        }
        Some(WaitsOn::Breaker) => {
            return "reviews of this kind do not work at the moment; this one starts by itself as soon as they do"
                .to_owned();
        }
        Some(WaitsOn::Pause) => {
            return "reviews are paused at the moment; this one starts by itself when the pause ends"
                .to_owned();
        }
        Some(
            WaitsOn::Upload
            | WaitsOn::Submission
            | WaitsOn::Endpoint
            | WaitsOn::Retry
            | WaitsOn::Turn,
        )
        | None => {}
    }
    match &*job.status {
        "Queued" if job.urgent => "the next to be reviewed".to_owned(),
        "Queued" => {
            let place = waiting.and_then(|waiting| waiting.turn.as_deref());
            let place = place.map_or_else(String::new, |place| format!(", {place}"));
            format!("waits for its turn{place}")
        }
        "Submitting" => "the document has arrived; its review starts in a moment".to_owned(),
        "RetryScheduled" => "a first try failed; the next one starts by itself".to_owned(),
        _ if job.attempt > 1 => {
            "a first try failed; the review was started again and is waiting or running".to_owned()
        }
        _ => "the review is waiting for its turn or running".to_owned(),
    }
}
