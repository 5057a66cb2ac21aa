//! `docket events`: reads the feed of events, and proves that none is missing.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::Path;

use api::feed::{NewEvent, next_hash};
use api::types::{EventPage, EventQuery, EventView};
use jobs::id::Timestamp;
use serde_json::Value;

use crate::CommandContext;
use crate::cli::EventsArgs;
use crate::error::{CliError, Exit, Result};
use crate::print::{Printer, pluralize, sanitize};
use crate::url::query_string;

pub(crate) async fn run(context: &CommandContext, args: EventsArgs) -> Result<Exit> {
    let received = args.received.as_deref().map(read_received).transpose()?;
    let mut unseen = received.clone();
    let mut missing = 0;
    let mut query = EventQuery {
        tenant: args.tenant.clone(),
        since: args.since.clone(),
        from: args.from,
        limit: None,
        wait: None,
    };
    let printer = &context.printer;
    let mut chain: Option<(u64, String)> = None;
    let mut count: u64 = 0;
    let page = loop {
        let path = format!("/events{}", query_string(&query));
        let page: EventPage = context.client.get(&path).await?;
        if args.verify {
            let start = chain.take().unwrap_or_else(|| {
                let before = page.sequence - u64::from(page.count);
                (before, page.previous_hash.clone())
            });
            chain = Some(verify(&page, start)?);
        }
        for event in &page.events {
            match &received {
                None => print(printer, event)?,
                Some(received) if !received.contains(&event.id) => {
                    missing += 1;
                    print(printer, event)?;
                }
                Some(_) => {}
            }
            if !args.verify && received.is_none() {
                printer.stop_without_reader()?;
            }
            if let Some(unseen) = &mut unseen {
                unseen.remove(&event.id);
            }
        }
        count += u64::from(page.count);
        if page.sequence >= page.end_sequence || (count > 0 && count >= args.limit) {
            break page;
        }
        query = EventQuery {
            tenant: args.tenant.clone(),
            since: Some(page.cursor),
            ..EventQuery::default()
        };
    };
    let is_end = page.sequence >= page.end_sequence;
    if args.verify && is_end && (page.sequence, &page.hash) != (page.end_sequence, &page.end_hash) {
        return Err(broken(page.end_sequence));
    }
    report(printer, &args, &page, count);
    if received.is_none() {
        return Ok(Exit::Success);
    }
    printer.info(&format!("{missing} of them not in the file"));
    if let Some(unseen) = unseen.filter(|unseen| !unseen.is_empty()) {
        printer.info(&format!(
            "{} in the file, but not among them",
            pluralize(unseen.len() as u64, "event", "events")
        ));
    }
    Ok(if missing == 0 {
        Exit::Success
    } else {
        Exit::Failed
    })
}

fn report(printer: &Printer, args: &EventsArgs, page: &EventPage, count: u64) {
    let events = pluralize(count, "event", "events");
    if args.verify {
        printer.info(&format!(
            "{events} up to sequence {} of {}: none is missing, hash {}",
            page.sequence, page.end_sequence, page.hash
        ));
    } else {
        let (last, end) = (page.sequence, page.end_sequence);
        printer.info(&format!("{events} up to sequence {last} of {end}"));
    }
    printer.info(&format!("go on with --since {}", sanitize(&page.cursor)));
}

fn print(printer: &Printer, event: &EventView) -> Result<()> {
    if printer.json {
        return printer.json_line(event);
    }
    printer.line(&format!(
        "{:>8}  {}  {:<10}  {}  v{}",
        event.sequence,
        printer.table_time(event.recorded_at),
        event.event_type.name(),
        sanitize(&event.job_id),
        event.version
    ))
}

/// Computes the hashes of a page from the event before it on. Returns the position of its last event.
fn verify(page: &EventPage, (mut sequence, mut hash): (u64, String)) -> Result<(u64, String)> {
    for event in &page.events {
        let job = event.job_id.parse().map_err(|_| broken(event.sequence))?;
        let new = NewEvent {
            job,
            version: event.version,
            event_type: event.event_type,
        };
        sequence += 1;
        hash = next_hash(&hash, sequence, &new, Timestamp(event.recorded_at));
        if (event.sequence, &event.hash) != (sequence, &hash) || event.id != new.id() {
            return Err(broken(sequence));
        }
    }
    if (page.sequence, &page.hash) != (sequence, &hash) {
        return Err(broken(page.sequence));
    }
    Ok((sequence, hash))
}

fn broken(sequence: u64) -> CliError {
    let text =
        format!("the hashes do not fit at sequence {sequence}: an event is missing or changed");
    CliError::new(Exit::Failed, "events-missing", text)
}

/// The ids of the events that a program has received: a line each, an id or JSON with `id` or `event_id`.
fn read_received(path: &Path) -> Result<BTreeSet<String>> {
    let unreadable = |error| CliError::local(format!("cannot read {}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut ids = BTreeSet::new();
    for line in std::io::BufReader::new(file).lines() {
        let line = line.map_err(unreadable)?;
        let json: Option<Value> = serde_json::from_str(&line).ok();
        let named = json.as_ref().and_then(|json| {
            let id = json.get("event_id").or_else(|| json.get("id"));
            id.and_then(Value::as_str)
        });
        let id = named.unwrap_or_else(|| line.trim());
        if !id.is_empty() {
            ids.insert(id.to_owned());
        }
    }
    Ok(ids)
}
