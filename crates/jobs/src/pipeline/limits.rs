//! The limits of tenants: how much of the service one of them may use. `POST /uploads` keeps them. Objects that come from an S3
//! client are processed in their turn.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ConfigError;
use crate::id::Tenant;

/// The table of `pipelines.toml` with the limits.
pub(super) const TABLE: &str = "tenant_limits";
/// A larger limit would make each `POST /uploads` read more than a megabyte of an index.
const MAX_OPEN_JOBS: u32 = 5_000;
const MAX_GPU_MINUTES: u32 = 1_000_000;

/// The limits of a tenant. `None`: there is no such limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Jobs that may be open at a time, of all pipelines, 1 to 5,000.
    pub open_jobs: Option<u32>,
    /// Minutes that the runs of the documents of the last 24 hours may take together, 1 to 1,000,000.
    pub gpu_minutes_a_day: Option<u32>,
}

/// The limits of all tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLimits {
    open_jobs: Option<u32>,
    gpu_minutes_a_day: Option<u32>,
    /// By the tenant's name: what differs for it.
    #[serde(default)]
    tenants: BTreeMap<String, Limits>,
}

impl TenantLimits {
    pub fn of(&self, tenant: &Tenant) -> Limits {
        let own = self.tenants.get(tenant.as_str()).copied();
        let own = own.unwrap_or_default();
        Limits {
            open_jobs: own.open_jobs.or(self.open_jobs),
            gpu_minutes_a_day: own.gpu_minutes_a_day.or(self.gpu_minutes_a_day),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let all = Limits {
            open_jobs: self.open_jobs,
            gpu_minutes_a_day: self.gpu_minutes_a_day,
        };
        let of_all = (TABLE.to_owned(), all);
        let of_each = self.tenants.iter();
        let of_each = of_each.map(|(name, limits)| (format!("{TABLE}.tenants.{name}"), *limits));
        for (table, limits) in std::iter::once(of_all).chain(of_each) {
            let fields = [
                ("open_jobs", limits.open_jobs, MAX_OPEN_JOBS),
                (
                    "gpu_minutes_a_day",
                    limits.gpu_minutes_a_day,
                    MAX_GPU_MINUTES,
                ),
            ];
            for (field, value, max) in fields {
                if value.is_some_and(|value| !(1..=max).contains(&value)) {
                    return Err(ConfigError::Field {
                        field: format!("{table}.{field}"),
                        problem: format!("is not within 1 to {max}"),
                    });
                }
            }
        }
        let is_name = |name: &&String| name.parse::<Tenant>().is_ok();
        if let Some(name) = self.tenants.keys().find(|name| !is_name(name)) {
            return Err(ConfigError::Field {
                field: format!("{TABLE}.tenants.{name}"),
                problem: "is not a tenant's name".to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pipelines;
    use super::*;

    const SHIPPED: &str = include_str!("../../../../infra/pipelines.toml");

    fn read(limits: &str) -> Result<TenantLimits, String> {
        let all = Pipelines::parse(&format!("{SHIPPED}\n{limits}"));
        let all = all.map_err(|error| error.to_string())?;
        assert_eq!(all.iter().count(), 3);
        Ok(all.tenant_limits().clone())
    }

    #[test]
    fn tenant_has_its_own_limits_and_else_those_of_all() {
        let limits = read(
            "[tenant_limits]\nopen_jobs = 100\ngpu_minutes_a_day = 60\n\
             [tenant_limits.tenants.acme]\nopen_jobs = 500",
        );
        let of = |name: &str| limits.as_ref().map(|it| it.of(&name.parse().unwrap()));
        let expected = |open_jobs| Limits {
            open_jobs: Some(open_jobs),
            gpu_minutes_a_day: Some(60),
        };
        assert_eq!(of("acme"), Ok(expected(500)));
        assert_eq!(of("globex"), Ok(expected(100)));
        let none = read("").unwrap();
        assert_eq!(none.of(&"acme".parse().unwrap()), Limits::default());
    }

    #[test]
    fn invalid_limit_is_named() {
        for (limits, problem) in [
            ("open_jobs = 0", "tenant_limits.open_jobs"),
            ("open_jobs = 5001", "within 1 to 5000"),
            ("gpu_minutes_a_day = 0", "tenant_limits.gpu_minutes_a_day"),
            ("gpu_hours = 1", "gpu_hours"),
            (
                "tenants = { acme = { open_jobs = 0 } }",
                "tenant_limits.tenants.acme.open_jobs",
            ),
            (
                "tenants = { \"A B\" = { open_jobs = 1 } }",
                "not a tenant's name",
            ),
        ] {
            let error = read(&format!("[tenant_limits]\n{limits}")).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
