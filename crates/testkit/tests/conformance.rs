//! The in-memory ports pass the conformance suite. `tests/scenarios/conformance.rs` runs it against the AWS adapters.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jobs::id::Timestamp;
use jobs::ports::Clock;
use testkit::conformance::{
    connections, dead_letters, folders, inventory, job_index, job_list, job_store, key_value_store,
    marks_store, newest_jobs, object_store, quarantine, quarantine_store, tickets,
};
use testkit::memory::Memory;

fn check(suite: impl AsyncFn(&Memory)) {
    let memory = Memory::at(Timestamp(1_767_607_442_118));
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(suite(&memory));
}

#[test]
fn job_table_conforms() {
    check(async |memory| job_store(memory, memory, "acme").await);
    check(async |memory| newest_jobs(memory, memory, "acme").await);
    check(async |memory| job_list(memory, "docket-jobs", "acme").await);
    check(async |memory| marks_store(memory, "docket-jobs", "acme").await);
}

#[test]
fn indexes_of_the_job_table_conform() {
    check(async |memory| job_index(memory, memory, "acme").await);
}

#[test]
fn dead_letters_and_key_value_store_conform() {
    check(async |memory| dead_letters(memory, memory).await);
    check(async |memory| key_value_store(memory, "acme").await);
}

#[test]
fn object_store_conforms() {
    check(async |memory| inventory(memory, memory, "acme").await);
    check(async |memory| folders(memory, memory, "acme").await);
    check(async |memory| object_store(memory, memory, "acme").await);
}

#[test]
fn connections_and_tickets_conform() {
    check(async |memory| connections(memory, "acme").await);
    check(async |memory| tickets(memory, memory, "acme", memory.now()).await);
}

#[test]
fn quarantine_conforms() {
    check(async |memory| quarantine(memory, "acme").await);
    check(async |memory| quarantine_store(memory, "acme").await);
}
