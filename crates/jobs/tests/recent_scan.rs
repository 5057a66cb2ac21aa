//! Which uploads through the API the recent scan finds, and what it records of their tenants.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::id::Timestamp;
use jobs::inventory_scan::{ScanReport, ScanScope, scan};
use jobs::pipeline::Pipelines;
use jobs::ports::Record;
use jobs::tenants::{self, TenantRecord};
use jobs::upload_session::new_uuid;
use testkit::memory::Memory;

const MINUTE: u64 = 60_000;
const LAST_SCAN: Timestamp = Timestamp(1_767_608_042_118);
const NOW: Timestamp = Timestamp(LAST_SCAN.0 + 16 * MINUTE);

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// The recent scan was last begun at `LAST_SCAN`; the complete one has just ended.
fn scene() -> Memory {
    let memory = Memory::at(NOW);
    let (last, now) = (LAST_SCAN.0, NOW.0);
    let body = format!(
        r#"{{"started_at":{now},"full":true,"position":null,"last_complete":{now},"last_full":{now},"recent":{{"started_at":{last},"position":null,"last_complete":{last}}}}}"#
    );
    let record = Record {
        body,
        revision: 1,
        expires_at: None,
    };
    memory
        .state()
        .records
        .put("state", "inventory-scan", &record);
    memory
}

/// An upload whose event was lost. It took from `issued_at`, when the API issued its key, to `put_at`.
fn lose_upload(memory: &Memory, issued_at: Timestamp, put_at: Timestamp) {
    let key = format!("inbound/acme/{}.pdf", new_uuid(issued_at, 7));
    memory.state().now = put_at;
    memory.put("docket-jobs", &key, b"%PDF-1.7");
    memory.state().now = NOW;
}

fn scanned(memory: &Memory) -> ScanReport {
    let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    let until = NOW.plus(Duration::from_secs(60));
    let scanned = scan(memory, &pipelines, "docket-jobs", ScanScope::Due, until);
    wait(scanned).unwrap()
}

/// The last scan left out objects younger than ten minutes, and a clock may be a minute off.
#[test]
fn upload_that_took_two_hours_is_found_by_the_next_recent_scan() {
    let earliest = LAST_SCAN.0 - 2 * 60 * MINUTE - 11 * MINUTE;
    for (issued_at, resent) in [(earliest, 1), (earliest - 1, 0)] {
        let memory = scene();
        let put_at = Timestamp(LAST_SCAN.0 - 9 * MINUTE);
        lose_upload(&memory, Timestamp(issued_at), put_at);
        assert_eq!(scanned(&memory).resent, resent);
        assert_eq!(memory.state().upload_events.len() as u64, resent);
    }
}

#[test]
fn tenant_whose_objects_are_found_is_recorded_once() {
    let writes = [false, true].map(|is_known| {
        let memory = scene();
        lose_upload(&memory, LAST_SCAN, LAST_SCAN);
        let acme = "acme".parse().unwrap();
        if is_known {
            wait(tenants::create(&memory, &acme, "ops")).unwrap();
        }
        memory.state().calls.clear();
        scanned(&memory);
        let known = wait(tenants::list(&memory)).unwrap();
        let expected = TenantRecord {
            since: NOW.0,
            created_by: is_known.then(|| "ops".to_owned()),
            retention: None,
        };
        assert_eq!(known, [(acme, expected)]);
        memory.state().calls["put_record"]
    });
    assert_eq!(writes[0], writes[1] + 1);
}
