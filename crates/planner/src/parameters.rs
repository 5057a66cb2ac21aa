//! An endpoint's parameter file with other values, and what its instances cost.

use serde_json::Value;

/// The on-demand price of an instance-hour in us-east-1, in dollars, as public projects read it from AWS's price list in
/// August and September 2026. Your bill is authoritative.
const PRICES: [(&str, f64); 4] = [
    ("ml.g5.xlarge", 1.408),
    ("ml.g5.2xlarge", 1.515),
    ("ml.g6.xlarge", 1.127),
    ("ml.g6.2xlarge", 1.222),
];
pub(crate) const PRICE_SOURCE: &str =
    "us-east-1 on demand, from copies of AWS's price list of August and September 2026";

/// The assumed price of an hour of an instance type, in dollars, if it is known here.
pub fn price_of(instance_type: &str) -> Option<f64> {
    let known = PRICES.iter().find(|(kind, _)| *kind == instance_type);
    known.map(|(_, price)| *price)
}

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
