//! The in-memory ports pass the suite that the AWS ones pass (`tests/scenarios/conformance.rs`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jobs::id::Timestamp;
use jobs::ports::Clock;
use testkit::conformance::{
    connections, dead_letters, documents, inventory, job_index, job_list, job_store, lists,
    object_store, quarantine, quarantine_desk, tickets,
};
use testkit::memory::Memory;

fn run(suite: impl AsyncFn(&Memory)) {
    let memory = Memory::at(Timestamp(1_767_607_442_118));
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(suite(&memory));
}

#[test]
fn the_job_table() {
    run(async |memory| job_store(memory, memory, "acme").await);
    run(async |memory| lists(memory, memory, "acme").await);
    run(async |memory| job_list(memory, "docket-jobs", "acme").await);
}

#[test]
fn the_indexes_of_the_job_table() {
    run(async |memory| job_index(memory, memory, "acme").await);
}

#[test]
fn dead_letters_and_documents() {
    run(async |memory| dead_letters(memory, memory).await);
    run(async |memory| documents(memory, "acme").await);
}

#[test]
fn the_object_store() {
    run(async |memory| inventory(memory, memory, "acme").await);
    run(async |memory| object_store(memory, memory, "acme").await);
}

#[test]
fn open_pages_and_tickets() {
    run(async |memory| connections(memory, "acme").await);
    run(async |memory| tickets(memory, memory, "acme", memory.now()).await);
}

#[test]
fn the_quarantine() {
    run(async |memory| quarantine(memory, "acme").await);
    run(async |memory| quarantine_desk(memory, "acme").await);
}
