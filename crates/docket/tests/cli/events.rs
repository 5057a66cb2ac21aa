//! `docket events`.

use api::feed::{EventType, FIRST_HASH, NewEvent, next_hash};
use api::types::{EventPage, EventView};
use jobs::id::{JobId, Timestamp};

use crate::setup::Setup;

/// The whole feed of a tenant, as two pages.
fn feed() -> [EventPage; 2] {
    let mut hash = FIRST_HASH.to_owned();
    let mut pages = [EventPage::default(), EventPage::default()];
    for sequence in 1..=7 {
        let event = NewEvent {
            job: JobId::of_key("bucket", &sequence.to_string()),
            version: 3,
            event_type: EventType::JobReady,
        };
        let page = &mut pages[usize::from(sequence > 4)];
        if page.events.is_empty() {
            page.previous_hash.clone_from(&hash);
        }
        hash = next_hash(&hash, sequence, &event, Timestamp(1000 + sequence));
        page.events.push(EventView {
            sequence,
            id: event.id(),
            event_type: event.event_type,
            job_id: event.job.to_string(),
            version: event.version,
            recorded_at: 1000 + sequence,
            hash: hash.clone(),
        });
        page.sequence = sequence;
        page.hash.clone_from(&hash);
        page.count += 1;
    }
    for (page, cursor) in pages.iter_mut().zip(["c4", "c7"]) {
        page.tenant = "acme".to_owned();
        page.end_sequence = 7;
        page.end_hash.clone_from(&hash);
        page.cursor = cursor.to_owned();
    }
    pages
}

fn serve(setup: &Setup, pages: &[EventPage; 2]) {
    let respond = |path: &str, page: &EventPage| {
        let body = serde_json::to_value(page).unwrap();
        setup.service.respond_once(path, 200, &body);
    };
    respond("GET /events", &pages[0]);
    respond("GET /events?since=c4", &pages[1]);
}

#[test]
fn events_lists_all_pages_and_verifies_their_hashes() {
    let setup = Setup::signed_in();
    serve(&setup, &feed());
    let output = setup.run(["events", "--verify", "--json"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(output.stdout.lines().count(), 7);
    serve(&setup, &feed());
    let stderr = setup.run(["events", "--verify"]).stderr;
    assert!(
        stderr.contains("7 events up to sequence 7 of 7: none is missing"),
        "{stderr}"
    );
    assert!(stderr.contains("--since c7"), "{stderr}");
}

#[test]
fn events_finds_an_event_that_is_missing_or_changed() {
    let mistakes: [fn(&mut [EventPage; 2]); 6] = [
        |pages| _ = pages[0].events.remove(2),
        |pages| _ = pages[1].events.remove(0),
        |pages| _ = pages[1].events.pop(),
        |pages| pages[0].events[1].version = 4,
        |pages| pages[1].events.swap(0, 1),
        |pages| pages[1].end_hash = FIRST_HASH.to_owned(),
    ];
    for mistake in mistakes {
        let setup = Setup::signed_in();
        let mut pages = feed();
        mistake(&mut pages);
        serve(&setup, &pages);
        let output = setup.run(["events", "--verify"]);
        assert_eq!(output.code, Some(1), "{}", output.stderr);
    }
}

#[test]
fn events_names_those_that_a_program_has_not_received() {
    let setup = Setup::signed_in();
    let pages = feed();
    let ids: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.events.iter().map(|event| event.id.as_str()))
        .collect();
    let file = setup.home.join("received");
    let lost = ids[4];
    let mut lines: Vec<String> = ids
        .iter()
        .filter(|id| **id != lost)
        .map(|id| format!("{{\"event_id\":\"{id}\"}}"))
        .collect();
    lines.push(ids[0].to_owned());
    std::fs::write(&file, lines.join("\n")).unwrap();
    serve(&setup, &pages);
    let command = [
        "events",
        "--verify",
        "--json",
        "--received",
        file.to_str().unwrap(),
    ];
    let output = setup.run(command);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let stdout = output.stdout;
    assert_eq!(stdout.lines().count(), 1);
    assert!(stdout.contains(lost), "{stdout}");
}
