//! The guarantees of the service, in the words of the documentation.

pub(crate) const GUARANTEE_1: &str = "1. Every object version that is current when it is processed has exactly one job, which it shares with earlier uploads of the same bytes, whatever S3 events are lost, duplicated or reordered.";
pub(crate) const GUARANTEE_2: &str = "2. Every job reaches Ready, Failed or Cancelled within its pipeline's deadline, whatever messages are lost, duplicated, late or reordered, and wherever a function dies. Time in Queued counts only while a breaker holds it.";
pub(crate) const GUARANTEE_3: &str = "3. Ready means: the output object exists, its location is recorded, and it was made from this version of the input.";
pub(crate) const GUARANTEE_4: &str = "4. A late or duplicated message never overwrites a final state, with one exception: a success of any attempt counts unless the job is Ready or Cancelled. It is published as a correction.";
pub(crate) const GUARANTEE_5: &str = "5. A duplicate event costs no second GPU run. Only a lost answer or record of the invoke call, or an attempt past its deadline, may repeat one.";
pub(crate) const GUARANTEE_6: &str = "6. No message is dropped with a 200: what cannot be understood is quarantined, visible to support, and alarmed.";
pub(crate) const GUARANTEE_7: &str = "7. A connected page shows the table's state within a second of a change if the push arrives, within a minute if it was lost, and at once after a reconnect.";
pub(crate) const GUARANTEE_8: &str =
    "8. No one sees, is pushed, retries or downloads another tenant's job.";
pub(crate) const GUARANTEE_9: &str = "9. Every support action records its actor and its reason.";
pub(crate) const GUARANTEE_10: &str =
    "10. Every effect of a state (invoke, retry message, push, event) runs at least once.";
/// Not of the ten: what function `capacity` may do to an endpoint, and what it must.
pub(crate) const INSTANCES_STAY: &str = "No instance is stopped while a job of its pipeline is open, except down to one for jobs of which no result can come.";
pub(crate) const INSTANCES_STOP: &str =
    "Jobs of which no result can come keep one instance at most.";
pub(crate) const INSTANCES_START: &str =
    "Open jobs have an instance, or one is on its way, within minutes.";
/// Not of the ten: what a pause holds, and that it holds nothing else.
pub(crate) const PAUSES: &str = "While a pipeline or a tenant is paused no attempt of its jobs starts, and every other job goes on.";
/// Not of the ten: what is asked before an instance starts.
pub(crate) const READABLE: &str = "No attempt starts for a document that S3 lets no one read.";
/// Not of the ten: the order of releases.
pub(crate) const TURNS: &str =
    "Tenants whose jobs wait take turns: how long one waits does not depend on what others queued.";
/// Not of the ten: the limits of tenants.
pub(crate) const LIMITS: &str =
    "A tenant's upload is refused only while the tenant has used a limit up.";
/// Not of the ten: what a circuit breaker does.
pub(crate) const BREAKERS: &str = "A circuit breaker opens because of several documents of which none succeeds, one job at a time probes, and a success closes it; no job fails meanwhile before its deadline.";
/// Not of the ten: the feeds of the tenants.
pub(crate) const FEED: &str = "Every published event is in the feed of its tenant, and nothing appears before an event that a reader has seen.";
/// Not of the ten: webhooks.
pub(crate) const WEBHOOKS: &str =
    "Every event reaches a receiver that answers again within three days.";
/// Not of the ten: what receivers of webhooks verify.
pub(crate) const SIGNATURES: &str = "For 24 hours after a rotation every request can be verified with the secret before it and with the new one.";
/// Not of the ten: e-mail digests.
pub(crate) const DIGESTS: &str =
    "Every document that becomes ready or fails is reported to each user who asked for it.";
/// Not of the ten: what people ask of the HTTP API.
pub(crate) const RESULTS_STAY: &str =
    "A job that has a result keeps it; a run again ends with its own, or without one.";
pub(crate) const DELETION: &str = "After the deletion of a job's data nothing of the document is left, and no late message changes that.";
pub(crate) const RETRY_PLANS: &str =
    "A retry plan retries each of its jobs once at most, and counts each of them once.";
pub(crate) const UPLOADS: &str =
    "A completed upload session is one job, of its uploader and under its name.";
/// Not of the ten: what tenants are told that they have used.
pub(crate) const USAGE: &str =
    "The usage of an hour is that of the jobs that were created in it, each counted once.";
/// Not one of the ten: only junk belongs into quarantine.
pub(crate) const NO_FALSE_QUARANTINE: &str = "The protocol never sends what it cannot understand.";

/// How long after its deadline a job may end, in milliseconds: the last messages may have to be delivered several times.
pub(crate) const MAX_DEADLINE_DELAY: u64 = 2 * crate::time::HOUR;
/// The maximum difference between the clocks of two functions, in milliseconds.
pub(crate) const MAX_CLOCK_SKEW: u64 = 3 * crate::time::SECOND;
