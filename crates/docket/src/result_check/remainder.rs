//! A JSON value from which known parts are taken.

use std::collections::BTreeMap;

use serde_json::Value;

/// JSON Pointers by the part of a result that is there (docs/models.md).
pub(super) type ResultPaths = BTreeMap<String, String>;

#[derive(Debug)]
pub(super) struct Remainder {
    pub(super) rest: Option<Value>,
}

impl Remainder {
    pub(super) const fn new(json: Value) -> Self {
        Self { rest: Some(json) }
    }

    /// The value at a path, which stays.
    pub(super) fn peek(&self, path: &[String]) -> Option<&Value> {
        path.iter()
            .try_fold(self.rest.as_ref()?, |value, name| match value {
                Value::Object(fields) => fields.get(name),
                Value::Array(list) => list.get(index(name)?),
                _ => None,
            })
    }

    /// Takes the value at a path out, if it is there and `read` understands it. Objects that become empty by it go too.
    pub(super) fn take<T>(
        &mut self,
        path: Option<Vec<String>>,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let path = path?;
        let found = read(self.peek(&path)?)?;
        self.rest = self.rest.take().and_then(|rest| without(rest, &path));
        Some(found)
    }

    /// Takes the first field of an object that has one of these names and that `read` understands.
    pub(super) fn take_named<T>(
        &mut self,
        at: &[String],
        names: &[&str],
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let fields = self.peek(at)?.as_object()?;
        let keys: Vec<String> = fields.keys().cloned().collect();
        for name in names {
            for key in keys.iter().filter(|key| plain_name(key) == *name) {
                let path = at.iter().cloned().chain([key.clone()]).collect();
                let found = self.take(Some(path), &read);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }
}

fn index(name: &str) -> Option<usize> {
    let is_index = name == "0" || !name.starts_with(['0', '+']);
    name.parse().ok().filter(|_| is_index)
}

fn without(mut value: Value, path: &[String]) -> Option<Value> {
    let (name, inner) = path.split_first()?;
    match &mut value {
        Value::Array(list) => {
            // The positions of the others stay: `null` is put in the place.
            let place = list.get_mut(index(name)?)?;
            *place = without(place.take(), inner).unwrap_or(Value::Null);
            let is_empty = list.iter().all(Value::is_null);
            (!is_empty).then_some(value)
        }
        Value::Object(fields) => {
            let taken = fields.remove(name)?;
            if let Some(left) = without(taken, inner) {
                fields.insert(name.clone(), left);
            }
            (!fields.is_empty()).then_some(value)
        }
        _ => None,
    }
}

/// The names in a JSON Pointer (RFC 6901).
pub(super) fn pointer_names(pointer: &str) -> Vec<String> {
    let names = pointer.split('/').skip(1);
    names
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// `Risk_Level`, `risk-level` and `riskLevel` are one name: `risklevel`.
pub(super) fn plain_name(key: &str) -> String {
    key.to_lowercase()
        .chars()
        .filter(|c| !(c.is_whitespace() || matches!(c, '_' | '-')))
        .collect()
}

/// The text of a string or a number.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
