//! An endpoint's parameter file with other values.

use serde_json::Value;

/// The parameter file with one instance kept in these hours of every day.
pub(crate) fn with_warm_hours(file: &str, from: &str, until: &str) -> Result<String, String> {
    let file = with(file, "WarmInstances", "1")?;
    let file = with(&file, "WarmDays", "MON-SUN")?;
    let file = with(&file, "WarmFrom", from)?;
    with(&file, "WarmUntil", until)
}

/// The parameter file with another value for one parameter. An unknown name is an error: it would change nothing.
pub(crate) fn with(file: &str, key: &str, value: &str) -> Result<String, String> {
    let mut rows: Value = serde_json::from_str(file).map_err(|error| error.to_string())?;
    let row = rows
        .as_array_mut()
        .into_iter()
        .flatten()
        .find(|row| row["ParameterKey"] == key)
        .ok_or_else(|| format!("the parameter file has no {key}"))?;
    row["ParameterValue"] = value.into();
    Ok(rows.to_string())
}
