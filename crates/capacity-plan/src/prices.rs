//! What an hour of an instance costs.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The prices that `make deploy` uses too.
#[expect(
    clippy::expect_used,
    reason = "a test reads the file, and it is compiled in"
)]
static PRICE_LIST: LazyLock<PriceList> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../infra/prices.toml")).expect("infra/prices.toml is valid")
});

#[derive(Debug, Deserialize)]
struct PriceList {
    read_on: String,
    fallback_region: String,
    /// Dollars per instance-hour, on demand, by region and instance type.
    #[serde(flatten)]
    regions: BTreeMap<String, BTreeMap<String, f64>>,
}

/// The assumed price of an instance-hour in the fallback region of `infra/prices.toml`, in dollars, if it is known there.
pub fn price_of(instance_type: &str) -> Option<f64> {
    let list = &*PRICE_LIST;
    let region = list.regions.get(&list.fallback_region)?;
    region.get(instance_type).copied()
}

/// Where and when the prices were read. Your bill is authoritative.
pub fn price_source() -> String {
    let PriceList {
        read_on,
        fallback_region,
        ..
    } = &*PRICE_LIST;
    format!("{fallback_region} on demand, AWS's price list of {read_on}")
}

#[cfg(test)]
mod tests {
    use super::{price_of, price_source};

    #[test]
    fn prices_are_those_of_the_list() {
        assert_eq!(price_of("ml.g5.2xlarge"), Some(1.515));
        assert_eq!(price_of("ml.unknown"), None);
        assert!(price_source().starts_with("us-east-1 on demand"));
    }
}
