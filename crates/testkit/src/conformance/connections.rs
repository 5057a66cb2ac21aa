//! What every adapter of [`Connections`] and [`Tickets`] must do.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when an expectation does not hold"
)]

use std::time::Duration;

use super::TestEnvironment;
use jobs::id::Timestamp;
use jobs::ports::{Connection, Connections, Tickets};

/// [`Connections`]: registering, listing and forgetting WebSocket connections.
pub async fn connections<P: Connections>(ports: &P, unique: &str) {
    let connection = |id: &str| Connection {
        uploader: None,
        hides_contents: false,
        subscription: unique.to_owned(),
        connection_id: id.to_owned(),
        registered_at: Timestamp(5),
        token_expires_at: Timestamp(99_000),
    };
    assert!(ports.connected(unique).await.unwrap().is_empty());
    ports
        .register(&connection("Jm9xdcOyoAMCLxA="))
        .await
        .unwrap();
    ports.register(&connection("b")).await.unwrap();
    ports.register(&connection("b")).await.unwrap();
    assert_eq!(
        ports.connected(unique).await.unwrap().len(),
        2,
        "registering a connection twice must keep one entry"
    );
    assert!(
        ports
            .connected(unique)
            .await
            .unwrap()
            .contains(&connection("Jm9xdcOyoAMCLxA=")),
        "a connection must be returned as it was registered"
    );
    ports.unregister(unique, "b").await.unwrap();
    ports
        .unregister(unique, "b")
        .await
        .expect("forgetting a connection twice must succeed");
    assert_eq!(
        ports.connected(unique).await.unwrap(),
        [connection("Jm9xdcOyoAMCLxA=")]
    );
}

/// [`Tickets`]. `now` is the adapter's own time.
pub async fn tickets<P: Tickets, E: TestEnvironment>(
    ports: &P,
    environment: &E,
    unique: &str,
    now: Timestamp,
) {
    let live = now.plus(Duration::from_secs(60));
    environment
        .issue_ticket(&format!("{unique}-good"), "acme", live)
        .await;
    let ticket = ports
        .redeem(&format!("{unique}-good"))
        .await
        .unwrap()
        .expect("a valid ticket must be redeemed");
    assert_eq!(ticket.subscription, "acme");
    assert!(
        ports
            .redeem(&format!("{unique}-good"))
            .await
            .unwrap()
            .is_none(),
        "a ticket must be redeemed only once"
    );
    assert!(
        ports
            .redeem(&format!("{unique}-never"))
            .await
            .unwrap()
            .is_none(),
        "a ticket that was never issued must not be redeemed"
    );
    environment
        .issue_ticket(&format!("{unique}-old"), "acme", Timestamp(now.0 - 1))
        .await;
    assert!(
        ports
            .redeem(&format!("{unique}-old"))
            .await
            .unwrap()
            .is_none(),
        "an expired ticket must not be redeemed"
    );
}
