//! What every adapter of [`Quarantine`] and [`QuarantineStore`] must do.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when an expectation does not hold"
)]

use api::ports::{QuarantineStore, StoredMessage};
use jobs::id::Timestamp;
use jobs::ports::{Quarantine, QuarantinedMessage};

pub async fn quarantine<P: Quarantine>(ports: &P, unique: &str) {
    let entry = QuarantinedMessage {
        source: "uploads".to_owned(),
        message_id: unique.to_owned(),
        cause: "Malformed".into(),
        problem: "it is not JSON".to_owned(),
        body: "ü".repeat(100_000),
        at: Timestamp(1),
    };
    ports
        .quarantine(&entry)
        .await
        .expect("a large message must be stored");
    ports
        .quarantine(&entry)
        .await
        .expect("storing it again must succeed");
}

/// [`QuarantineStore`]: listing, redriving and removing messages.
pub async fn quarantine_store<P: Quarantine + QuarantineStore>(ports: &P, unique: &str) {
    let entry = |id: &str, body: String| QuarantinedMessage {
        source: "uploads".to_owned(),
        message_id: format!("{unique}-{id}"),
        cause: "Malformed".into(),
        problem: "it is not JSON".to_owned(),
        body,
        at: Timestamp(1_767_607_442_118),
    };
    let long = entry("a", "ü".repeat(100_000));
    let short = entry("b", "x".to_owned());
    ports.quarantine(&long).await.unwrap();
    ports.quarantine(&short).await.unwrap();
    let after = Some(("uploads", unique));
    let listed = ports.list_messages(after, 100).await.unwrap().items;
    let own = |stored: &&StoredMessage| stored.message.message_id.starts_with(unique);
    let sizes: Vec<u64> = listed
        .iter()
        .filter(own)
        .map(|stored| stored.body_bytes)
        .collect();
    assert_eq!(
        sizes,
        [200_000, 1],
        "messages must be sorted by id and have the lengths of their full bodies"
    );
    let first = &long.message_id;
    let next = ports
        .list_messages(Some(("uploads", first)), 1)
        .await
        .unwrap();
    assert_eq!(
        next.items[0].message.message_id, short.message_id,
        "a page must continue after the given message"
    );
    let full = ports.get_message("uploads", first).await.unwrap().unwrap();
    assert_eq!(
        (full.message, full.redriven_at),
        (long.clone(), None),
        "get must return the full body"
    );
    assert!(ports.get_message("checks", first).await.unwrap().is_none());

    let redriven_at = Timestamp(1_767_607_442_200);
    let mark =
        async |id: &str, at: Timestamp| ports.mark_redriven("uploads", id, at).await.unwrap();
    assert!(mark(first, redriven_at).await);
    assert!(!mark("unknown", redriven_at).await);
    let soon_after = Timestamp(redriven_at.0 + 50);
    assert!(
        !mark(first, soon_after).await,
        "a second redrive within a minute must be refused"
    );
    let again = QuarantinedMessage {
        problem: "it is still not JSON".to_owned(),
        ..long.clone()
    };
    ports.quarantine(&again).await.unwrap();
    ports
        .remove_message("uploads", first, Some(redriven_at))
        .await
        .unwrap();
    let stored = ports.get_message("uploads", first).await.unwrap().unwrap();
    assert_eq!(
        (stored.message.problem.as_str(), stored.redriven_at),
        ("it is still not JSON", None),
        "a message that fails again during its redrive must stay, with the new problem"
    );
    assert!(mark(first, redriven_at).await);
    ports
        .remove_message("uploads", first, Some(redriven_at))
        .await
        .unwrap();
    assert!(
        ports.get_message("uploads", first).await.unwrap().is_none(),
        "a redriven message must be removed"
    );
    ports
        .remove_message("uploads", &short.message_id, None)
        .await
        .unwrap();
    ports
        .remove_message("uploads", &short.message_id, None)
        .await
        .unwrap();
    assert!(
        ports
            .get_message("uploads", &short.message_id)
            .await
            .unwrap()
            .is_none()
    );
}
