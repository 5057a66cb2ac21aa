//! A receiver of traces that does not answer: the functions process their messages and do not send to it again.
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
fn receiver_that_does_not_answer_gets_one_request_and_messages_are_processed() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let open = Mutex::new(Vec::new());
    let url = listen(move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        // Kept open: a closed connection would tell the client at once that no response comes.
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
        "after a failure nothing is sent for a minute"
    );
}
