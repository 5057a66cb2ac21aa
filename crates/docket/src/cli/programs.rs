//! What programs and people get of events: webhooks, the feed, e-mail digests.

use std::path::PathBuf;

use api::digests::DigestScope;
use clap::{Args, Subcommand};

use super::values::time;

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List a tenant's webhooks
    List {
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Create a webhook, and print its secret once
    Create {
        /// Where events are posted to: https://…
        url: String,
        /// Only this event, job.ready or job.failed; repeat it for several [default: all]
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// Also send the file's name and the model's words about a failure
        #[arg(long)]
        include_details: bool,
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show a webhook
    Show { id: String },
    /// Change where a webhook posts to, and what
    Change {
        id: String,
        /// Where events are posted to: https://…
        #[arg(long)]
        url: Option<String>,
        /// Only this event; repeat it for several
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// Whether to send the file's name and the model's words about a failure
        #[arg(long)]
        include_details: Option<bool>,
    },
    /// Continue where a webhook stopped, after it was paused or disabled
    Enable { id: String },
    /// Send nothing until it is enabled
    Pause { id: String },
    /// Make a new secret, and print it once; the old one is used too for 24 hours
    RotateSecret { id: String },
    /// Delete a webhook
    Delete { id: String },
    /// Send a test event
    Test { id: String },
    /// Send one event, or all since a time, again
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Redeliver {
        id: String,
        /// The event's sequence, as `docket events` prints it
        #[arg(long, group = "what")]
        sequence: Option<u64>,
        /// All events since this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC)
        #[arg(long, value_name = "TIME", value_parser = time, group = "what")]
        from: Option<u64>,
    },
    /// List the newest attempts
    Deliveries { id: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DigestsCommand {
    /// Show your settings
    Show {
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Get e-mail digests: one per batch when it is complete, else one per quarter of an hour
    ///
    /// They are sent to the verified address of your account. Options that are not given stay as they are; at first, mails
    /// are about your own documents, whether they are ready or have failed.
    On {
        /// Which documents: own, or tenant for all of the tenant (reviewers and support)
        #[arg(long, value_name = "own|tenant", value_parser = digest_scope)]
        scope: Option<DigestScope>,
        /// Whether to report documents that are ready
        #[arg(long)]
        ready: Option<bool>,
        /// Whether to report documents that failed
        #[arg(long)]
        failed: Option<bool>,
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Get no more e-mail digests
    Off {
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Set whether the mails of a tenant have the names of files and batches (support only)
    Names {
        tenant: String,
        /// true or false
        #[arg(action = clap::ArgAction::Set)]
        include: bool,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
}

fn digest_scope(word: &str) -> Result<DigestScope, String> {
    DigestScope::from_name(word).ok_or_else(|| "own or tenant".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only events after those of an earlier call, which printed this cursor
    #[arg(long, value_name = "CURSOR", conflicts_with = "from")]
    pub(crate) since: Option<String>,
    /// Only events since this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC) [default: all that are kept]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<u64>,
    /// Maximum number of events, rounded up to whole pages of 100
    #[arg(long, short = 'n', default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) limit: u64,
    /// Compute the hashes, and fail if an event is missing or changed
    #[arg(long)]
    pub(crate) verify: bool,
    /// Print only events that are not in this file: lines with their ids, or JSON lines with `id` or `event_id`
    #[arg(long, value_name = "FILE")]
    pub(crate) received: Option<PathBuf>,
    /// Tenant; required if you see all tenants or have several
    #[arg(long)]
    pub(crate) tenant: Option<String>,
}
