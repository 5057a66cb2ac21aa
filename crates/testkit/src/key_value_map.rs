//! The records of a [`jobs::ports::KeyValueStore`] in memory, for tests and simulations.

use std::collections::BTreeMap;

use jobs::ports::Record;

/// Records by collection and key.
#[derive(Clone, Debug, Default)]
pub struct KeyValueMap(BTreeMap<(String, String), Record>);

impl KeyValueMap {
    /// See [`jobs::ports::KeyValueStore::get`].
    pub fn get(&self, collection: &str, key: &str) -> Option<Record> {
        self.0
            .get(&(collection.to_owned(), key.to_owned()))
            .cloned()
    }

    /// See [`jobs::ports::KeyValueStore::put`].
    pub fn put(&mut self, collection: &str, key: &str, record: &Record) -> bool {
        let stored = self.get(collection, key);
        let revision = stored.as_ref().map_or(0, |stored| stored.revision);
        if revision + 1 == record.revision {
            self.0
                .insert((collection.to_owned(), key.to_owned()), record.clone());
            return true;
        }
        stored.as_ref() == Some(record)
    }

    /// See [`jobs::ports::KeyValueStore::delete`].
    pub fn delete(&mut self, collection: &str, key: &str) {
        self.0.remove(&(collection.to_owned(), key.to_owned()));
    }

    /// All records, by collection and key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Record)> {
        self.0
            .iter()
            .map(|((collection, key), record)| (collection.as_str(), key.as_str(), record))
    }

    /// See [`jobs::ports::KeyValueStore::list_descending`].
    pub fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Vec<(String, Record)> {
        // Collections' names have no control characters.
        let end = match before {
            Some(before) => (collection.to_owned(), before.to_owned()),
            None => (format!("{collection}\u{1}"), String::new()),
        };
        self.0
            .range((collection.to_owned(), String::new())..end)
            .rev()
            .take(usize::from(limit))
            .map(|((_, key), record)| (key.clone(), record.clone()))
            .collect()
    }
}
