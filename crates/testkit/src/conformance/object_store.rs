//! What every adapter of [`ObjectStore`] must do.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when an expectation does not hold"
)]

use super::TestEnvironment;
use jobs::id::Location;
use jobs::ports::{ListedVersion, ObjectStore};

/// [`ObjectStore`]: reading, copying and listing objects.
pub async fn object_store<P: ObjectStore, E: TestEnvironment>(
    ports: &P,
    environment: &E,
    unique: &str,
) {
    let bucket = environment.bucket();
    let key = format!("elsewhere/{unique}/Q1 + Q2/Verträge %41 {{x}}.pdf");
    let at = |key: &str| Location {
        bucket: bucket.clone(),
        key: key.to_owned(),
    };
    assert!(
        ports.head_current(&bucket, &key).await.unwrap().is_none(),
        "peek returns nothing for an object that does not exist"
    );
    assert!(ports.head(&at(&key)).await.unwrap().is_none());
    assert!(ports.read(&at(&key), 9).await.unwrap().is_none());

    let v1 = environment.upload(&key, &[b'x'; 3000]).await;
    let head = ports
        .head_current(&bucket, &key)
        .await
        .unwrap()
        .expect("peek must find the object");
    assert_eq!(
        (head.bytes, head.first_bytes.len(), head.version.as_str()),
        (3000, 1024, v1.as_str()),
        "peek must return size, version and the first 1,024 bytes"
    );
    let v2 = environment.upload(&key, b"").await;
    let head = ports
        .head_current(&bucket, &key)
        .await
        .unwrap()
        .expect("peek must find an empty object");
    assert_eq!(
        (head.bytes, head.first_bytes.len(), head.version.as_str()),
        (0, 0, v2.as_str()),
        "peek must return the current version, even if it is empty"
    );
    let v3 = environment.upload(&key, b"short").await;
    let head = ports.head_current(&bucket, &key).await.unwrap().unwrap();
    assert_eq!(
        (head.bytes, head.first_bytes.as_slice()),
        (5, b"short".as_slice())
    );
    assert_eq!(ports.head(&at(&key)).await.unwrap().unwrap().version, v3);
    let start = ports.read(&at(&key), 3).await.unwrap().unwrap();
    assert_eq!(
        (start.bytes.as_slice(), start.size),
        (b"sho".as_slice(), 5),
        "read must return no more than the limit, and the whole size"
    );
    let listed = ports.versions(&bucket, &key).await.unwrap();
    let versions: Vec<&str> = listed.iter().map(|listed| &*listed.version).collect();
    assert_eq!(
        versions,
        [&*v3, &*v2, &*v1],
        "versions must be sorted newest first"
    );
    let head = ports.head(&at(&key)).await.unwrap().unwrap();
    assert_eq!(
        (&listed[0].etag, listed[0].bytes),
        (&head.etag, head.bytes),
        "a listing must have the ETag that the object has"
    );
    let after_deletion = |listed: &[ListedVersion]| {
        let listed = listed.iter().map(|listed| listed.may_follow_deletion);
        listed.collect::<Vec<bool>>()
    };
    assert_eq!(after_deletion(&listed), [false; 3]);
    let mut checksums = Vec::new();
    for version in [&v1, &v3] {
        checksums.extend(ports.checksum(&at(&key), version).await.unwrap());
    }
    if let [one, other] = &checksums[..] {
        assert!(
            one.differs_from(other),
            "checksums are those of the versions: {one:?} {other:?}"
        );
    }

    let copy = at(&format!("elsewhere/{unique}/copy"));
    ports
        .copy(&bucket, &key, &v1, &copy)
        .await
        .expect("copy must succeed for an older version");
    assert_eq!(ports.head(&copy).await.unwrap().unwrap().bytes, 3000);
    environment.delete(&key).await;
    assert!(
        ports.head_current(&bucket, &key).await.unwrap().is_none(),
        "peek returns nothing for a deleted object"
    );
    assert_eq!(
        ports.versions(&bucket, &key).await.unwrap().len(),
        3,
        "the versions of a deleted object must be listed"
    );
    let listed = ports.versions(&bucket, &key).await.unwrap();
    assert_eq!(
        after_deletion(&listed),
        [false; 3],
        "a deletion after the newest version is not between two of them"
    );
    environment.upload(&format!("{key}x"), b"longer key").await;
    assert_eq!(
        ports.versions(&bucket, &key).await.unwrap().len(),
        3,
        "versions of a longer key with the same prefix must not be listed"
    );

    environment.upload(&key, b"short").await;
    assert!(
        ports.versions(&bucket, &key).await.unwrap()[0].may_follow_deletion,
        "a deletion between two versions must be seen"
    );

    let prefix = format!("elsewhere/{unique}/outputs/");
    environment.upload(&format!("{prefix}a1/x.out"), b"1").await;
    environment
        .upload(&format!("{prefix}a2/y z.out"), b"2")
        .await;
    assert_eq!(
        ports.list(&bucket, &prefix).await.unwrap(),
        [format!("{prefix}a1/x.out"), format!("{prefix}a2/y z.out")],
        "list must return the keys under a prefix unencoded"
    );
    assert!(
        ports
            .list(&bucket, &format!("{prefix}a3/"))
            .await
            .unwrap()
            .is_empty()
    );
}
