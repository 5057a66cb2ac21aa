//! Reads attributes of an item.

use aws_sdk_dynamodb::types::AttributeValue;
use jobs::id::Timestamp;

use super::Item;

/// A row that cannot be read, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::aws) enum BadRow {
    Newer,
    Wrong(String),
}

/// Reads attributes by name and says which one is wrong.
#[derive(Clone, Copy)]
pub(in crate::aws) struct Reader<'a> {
    pub(in crate::aws) item: &'a Item,
    pub(in crate::aws) path: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn wrong(&self, name: &str) -> BadRow {
        BadRow::Wrong(format!(
            "attribute {}{}{name} is missing or of the wrong type",
            self.path,
            if self.path.is_empty() { "" } else { "." }
        ))
    }

    pub(in crate::aws) fn text(&self, name: &'static str) -> Result<&'a str, BadRow> {
        let text = self.item.get(name).and_then(|value| value.as_s().ok());
        text.map(String::as_str).ok_or_else(|| self.wrong(name))
    }

    pub(in crate::aws) fn number<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<T, BadRow> {
        let number = self.item.get(name).and_then(|value| value.as_n().ok());
        number
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.wrong(name))
    }

    pub(in crate::aws) fn time(&self, name: &'static str) -> Result<Timestamp, BadRow> {
        self.number(name).map(Timestamp)
    }

    pub(in crate::aws) fn parsed<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<T, BadRow> {
        self.text(name)?.parse().map_err(|_| self.wrong(name))
    }

    pub(in crate::aws) fn optional<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Self, &'static str) -> Result<T, BadRow>,
    ) -> Result<Option<T>, BadRow> {
        if self.item.contains_key(name) {
            read(self, name).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(in crate::aws) fn optional_text(
        &self,
        name: &'static str,
    ) -> Result<Option<String>, BadRow> {
        self.optional(name, |row, name| row.text(name).map(str::to_owned))
    }

    pub(in crate::aws) fn map<T>(
        &self,
        name: &'static str,
        read: impl Fn(Self) -> Result<T, BadRow>,
    ) -> Result<T, BadRow> {
        let item = self
            .item
            .get(name)
            .and_then(|value| value.as_m().ok())
            .ok_or_else(|| self.wrong(name))?;
        read(Reader { item, path: name })
    }

    pub(super) fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(Self) -> Result<T, BadRow>,
    ) -> Result<Vec<T>, BadRow> {
        let entries = self
            .item
            .get(name)
            .and_then(|value| value.as_l().ok())
            .ok_or_else(|| self.wrong(name))?;
        let read_one = |value: &'a AttributeValue| {
            read(Reader {
                item: value.as_m().map_err(|_| self.wrong(name))?,
                path: name,
            })
        };
        entries.iter().map(read_one).collect()
    }
}
