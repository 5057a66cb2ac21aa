//! What an hour of an instance costs.

/// The on-demand price of an instance-hour in us-east-1, in dollars, as public projects read it from AWS's price list in
/// August and September 2026. Your bill is authoritative. `infra/prices.toml` has the same prices.
const PRICES: [(&str, f64); 4] = [
    ("ml.g5.xlarge", 1.408),
    ("ml.g5.2xlarge", 1.515),
    ("ml.g6.xlarge", 1.127),
    ("ml.g6.2xlarge", 1.222),
];
pub const PRICE_SOURCE: &str =
    "us-east-1 on demand, from copies of AWS's price list of August and September 2026";

/// The assumed price of an hour of an instance type, in dollars, if it is known here.
pub fn price_of(instance_type: &str) -> Option<f64> {
    let known = PRICES.iter().find(|(kind, _)| *kind == instance_type);
    known.map(|(_, price)| *price)
}
