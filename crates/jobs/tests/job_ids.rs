//! Ids of jobs that programs outside this workspace compute as well: `make prove` does (`tests/prove_test.py` reads the same file).

use jobs::id::JobId;
use serde::Deserialize;

#[derive(Deserialize)]
struct Example {
    bucket: String,
    key: String,
    /// Of a later version at the key.
    version: Option<String>,
    job_id: String,
}

#[test]
fn ids_are_those_that_other_programs_compute() {
    let examples: Vec<Example> =
        serde_json::from_str(include_str!("../../../tests/job_ids.json")).unwrap();
    assert!(examples.iter().any(|it| it.version.is_some()));
    for it in examples {
        let id = match &it.version {
            None => JobId::of_key(&it.bucket, &it.key),
            Some(version) => JobId::of_version(&it.bucket, &it.key, version),
        };
        assert_eq!(id.to_string(), it.job_id, "{} {:?}", it.key, it.version);
    }
}
