//! The read units that a request to DynamoDB consumes, by its request and its response (developer guide, "DynamoDB read
//! and write operations", "DynamoDB item sizes and formats").

use serde_json::{Map, Value};

const UNIT_BYTES: u64 = 4096;

/// Half units, so that they stay whole numbers: an eventually consistent read costs half a unit. Zero for a write.
///
/// # Errors
/// The response does not show what was read.
pub(crate) fn half_units(
    operation: &str,
    request: &Value,
    response: &Value,
) -> Result<u64, &'static str> {
    match operation {
        "GetItem" => {
            shows_what_was_read(request)?;
            let bytes = response.get("Item").map_or(0, item_bytes);
            Ok(units(bytes) * price(request))
        }
        "Query" => {
            shows_what_was_read(request)?;
            let items = response.get("Items").and_then(Value::as_array);
            let bytes = items.into_iter().flatten().map(item_bytes).sum();
            Ok(units(bytes) * price(request))
        }
        "BatchGetItem" => {
            let tables = request.get("RequestItems").and_then(Value::as_object);
            tables
                .into_iter()
                .flatten()
                .map(|(table, wanted)| {
                    shows_what_was_read(wanted)?;
                    let count = |value: Option<&Value>| {
                        value
                            .and_then(Value::as_array)
                            .map_or(0, |all| all.len() as u64)
                    };
                    let found = response.get("Responses").and_then(|all| all.get(table));
                    let left = response
                        .get("UnprocessedKeys")
                        .and_then(|all| all.get(table));
                    let missing = count(wanted.get("Keys"))
                        .saturating_sub(count(found))
                        .saturating_sub(count(left.and_then(|left| left.get("Keys"))));
                    let items = found.and_then(Value::as_array).into_iter().flatten();
                    let read: u64 = items.map(|item| units(item_bytes(item))).sum();
                    Ok((read + missing) * price(wanted))
                })
                .sum()
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => Ok(0),
        _ => Err("an operation whose read units are not known"),
    }
}

/// What a read costs is decided before a filter or a projection.
fn shows_what_was_read(request: &Value) -> Result<(), &'static str> {
    let hides = ["FilterExpression", "ProjectionExpression", "Select"];
    if hides.iter().any(|name| request.get(name).is_some()) {
        return Err("a filter or a projection");
    }
    Ok(())
}

/// At least one unit is charged, also if nothing was found.
fn units(bytes: u64) -> u64 {
    bytes.div_ceil(UNIT_BYTES).max(1)
}

/// The half units that a unit costs.
fn price(request: &Value) -> u64 {
    let is_consistent = request.get("ConsistentRead").and_then(Value::as_bool);
    if is_consistent == Some(true) { 2 } else { 1 }
}

fn item_bytes(item: &Value) -> u64 {
    item.as_object().map_or(0, map_bytes)
}

fn map_bytes(map: &Map<String, Value>) -> u64 {
    let entry = |(name, value): (&String, &Value)| name.len() as u64 + value_bytes(value);
    map.iter().map(entry).sum()
}

/// The size of a value in DynamoDB's JSON: `{"S": "text"}`.
fn value_bytes(value: &Value) -> u64 {
    let Some((kind, content)) = value.as_object().and_then(|value| value.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), content) {
        ("S", Value::String(text)) => text.len() as u64,
        // Two digits per byte, one more byte, and one for a sign.
        ("N", Value::String(number)) => {
            let digits = number.bytes().filter(u8::is_ascii_digit).count() as u64;
            digits.div_ceil(2) + 1 + u64::from(number.starts_with('-'))
        }
        ("L", Value::Array(list)) => {
            3 + list.iter().map(|entry| 1 + value_bytes(entry)).sum::<u64>()
        }
        ("M", Value::Object(map)) => 3 + map.len() as u64 + map_bytes(map),
        _ => 1,
    }
}
