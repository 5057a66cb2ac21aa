//! Documents in memory, as exact as the table that keeps them: for tests and simulations.

use std::collections::BTreeMap;

use jobs::ports::Record;

/// Documents by folder and name.
#[derive(Clone, Debug, Default)]
pub struct KeyValueMap(BTreeMap<(String, String), Record>);

impl KeyValueMap {
    /// See [`jobs::ports::KeyValueStore::read`].
    pub fn read(&self, folder: &str, name: &str) -> Option<Record> {
        self.0.get(&(folder.to_owned(), name.to_owned())).cloned()
    }

    /// See [`jobs::ports::KeyValueStore::write`].
    pub fn write(&mut self, folder: &str, name: &str, document: &Record) -> bool {
        let there = self.read(folder, name);
        let revision = there.as_ref().map_or(0, |there| there.revision);
        if revision + 1 == document.revision {
            let place = (folder.to_owned(), name.to_owned());
            self.0.insert(place, document.clone());
            return true;
        }
        there.as_ref() == Some(document)
    }

    /// See [`jobs::ports::KeyValueStore::remove`].
    pub fn remove(&mut self, folder: &str, name: &str) {
        self.0.remove(&(folder.to_owned(), name.to_owned()));
    }

    /// See [`jobs::ports::KeyValueStore::last`].
    pub fn last(&self, folder: &str, before: Option<&str>, limit: u16) -> Vec<(String, Record)> {
        let here = self.0.iter().rev().filter(|((f, _), _)| f == folder);
        here.filter(|((_, name), _)| before.is_none_or(|before| name.as_str() < before))
            .take(usize::from(limit))
            .map(|((_, name), document)| (name.clone(), document.clone()))
            .collect()
    }
}
