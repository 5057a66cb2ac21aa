//! A receiver of traces that says nothing costs the functions no work, and no second try.
#![cfg(feature = "otel")]
#![expect(
    dead_code,
    reason = "the receiver is shared with a test that asks more of it"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod receiver;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use functions::handlers::upload_trigger;
use functions::traces::{subscribe, traced};
use jobs::state::State;
use receiver::{app, batch, id, listen, run, settings, upload};

#[test]
fn a_receiver_that_says_nothing_is_left_alone_and_the_work_is_done() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let open = Mutex::new(Vec::new());
    let url = listen(move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        // Kept open, so that the client is not told that there will be no response.
        open.lock().unwrap().push(stream);
    });
    subscribe(Some(&settings(&url)));
    let app = app();
    let message = upload(&app);
    for _ in 0..3 {
        let response = run(traced(batch(&app, &message), async |event| {
            upload_trigger::handle(&app, event).await
        }));
        assert!(response.unwrap().batch_item_failures.is_empty());
    }
    let job = app.ports.state().jobs[&id()].clone();
    assert!(
        matches!(job.state, State::InProgress { .. }),
        "{:?}",
        job.state
    );
    assert_eq!(
        calls.load(Ordering::SeqCst),
        1,
        "asked once, then left alone for a while"
    );
}
