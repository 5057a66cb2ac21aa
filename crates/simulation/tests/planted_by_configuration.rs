//! `tests/planted_by_configuration.json` says of every mistake whether a wrong setting of a deployed service makes it, and which
//! one `make prove` is tested with (`tests/planted_mistakes_test.py` reads the same file).

use std::collections::{BTreeMap, BTreeSet};

use simulation::mistake::Mistake;

#[test]
fn every_mistake_is_named_as_one_of_the_configuration_or_of_the_code() {
    let named: BTreeMap<String, Option<String>> =
        serde_json::from_str(include_str!("../../../tests/planted_by_configuration.json")).unwrap();
    let named: BTreeSet<String> = named.into_keys().collect();
    let all = Mistake::ALL.iter().map(|it| format!("{it:?}"));
    assert_eq!(named, all.collect());
}
