//! The records of a [`jobs::ports::KeyValueStore`] in memory, for tests and simulations.

use std::collections::BTreeMap;
use std::ops::Bound;

use jobs::ports::Record;

/// Records by collection and key.
#[derive(Clone, Debug, Default)]
pub struct KeyValueMap(BTreeMap<String, BTreeMap<String, Record>>);

impl KeyValueMap {
    /// See [`jobs::ports::KeyValueStore::get`].
    pub fn get(&self, collection: &str, key: &str) -> Option<Record> {
        self.0.get(collection)?.get(key).cloned()
    }

    /// See [`jobs::ports::KeyValueStore::put`].
    pub fn put(&mut self, collection: &str, key: &str, record: &Record) -> bool {
        let mut records = self.0.get_mut(collection);
        let stored = records.as_mut().and_then(|known| known.get_mut(key));
        match stored {
            Some(stored) if stored.revision + 1 == record.revision => {
                stored.clone_from(record);
                true
            }
            Some(stored) => stored == record,
            None if record.revision == 1 => {
                let records = self.0.entry(collection.to_owned()).or_default();
                records.insert(key.to_owned(), record.clone());
                true
            }
            None => false,
        }
    }

    /// See [`jobs::ports::KeyValueStore::delete`].
    pub fn delete(&mut self, collection: &str, key: &str) {
        if let Some(records) = self.0.get_mut(collection) {
            records.remove(key);
            if records.is_empty() {
                self.0.remove(collection);
            }
        }
    }

    /// All records, by collection and key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Record)> {
        self.0.iter().flat_map(|(collection, records)| {
            let records = records.iter();
            records.map(|(key, record)| (collection.as_str(), key.as_str(), record))
        })
    }

    /// See [`jobs::ports::KeyValueStore::list_descending`].
    pub fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Vec<(String, Record)> {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let records = self.0.get(collection).into_iter();
        records
            .flat_map(|records| records.range::<str, _>((Bound::Unbounded, end)).rev())
            .take(usize::from(limit))
            .map(|(key, record)| (key.clone(), record.clone()))
            .collect()
    }
}
