//! One pause: what it holds, who paused it, why and until when, and its line in the record.

use crate::id::{Tenant, Timestamp};

/// Stands for every pipeline or every tenant in the first column of a line.
pub(super) const EVERY: &str = "*";

/// What a pause holds: the jobs of a pipeline, of a tenant, or of a tenant in a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseScope {
    Pipeline(String),
    Tenant(Tenant),
    Both(String, Tenant),
}

impl PauseScope {
    /// `None` if neither is named: nothing pauses the whole service.
    pub fn new(pipeline: Option<String>, tenant: Option<Tenant>) -> Option<Self> {
        match (pipeline, tenant) {
            (Some(pipeline), None) => Some(Self::Pipeline(pipeline)),
            (None, Some(tenant)) => Some(Self::Tenant(tenant)),
            (Some(pipeline), Some(tenant)) => Some(Self::Both(pipeline, tenant)),
            (None, None) => None,
        }
    }

    pub fn pipeline(&self) -> Option<&str> {
        match self {
            Self::Pipeline(pipeline) | Self::Both(pipeline, _) => Some(pipeline),
            Self::Tenant(_) => None,
        }
    }

    pub const fn tenant(&self) -> Option<&Tenant> {
        match self {
            Self::Tenant(tenant) | Self::Both(_, tenant) => Some(tenant),
            Self::Pipeline(_) => None,
        }
    }

    /// Whether it holds the jobs of `tenant` in `pipeline`.
    pub fn holds(&self, pipeline: &str, tenant: &Tenant) -> bool {
        self.pipeline().is_none_or(|own| own == pipeline)
            && self.tenant().is_none_or(|own| own == tenant)
    }

    /// As stored. Neither name can contain a `*` or a `:`.
    fn key(&self) -> String {
        let tenant = self.tenant().map_or(EVERY, |tenant| tenant.as_str());
        format!("{}:{tenant}", self.pipeline().unwrap_or(EVERY))
    }

    fn from_key(key: &str) -> Option<Self> {
        let (pipeline, tenant) = key.split_once(':')?;
        let pipeline = (pipeline != EVERY).then(|| pipeline.to_owned());
        let tenant = match tenant {
            EVERY => None,
            name => Some(name.parse().ok()?),
        };
        Self::new(pipeline, tenant)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub scope: PauseScope,
    pub details: PauseDetails,
}

/// Who paused it, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseDetails {
    pub actor: String,
    pub reason: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

impl Pause {
    /// As stored: a line of five columns. As JSON, it would make function `upload-trigger` larger by some kilobytes.
    pub(super) fn to_line(&self) -> String {
        let PauseDetails {
            actor,
            reason,
            since,
            until,
        } = &self.details;
        let on_one_line = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        let (key, actor, reason) = (self.scope.key(), on_one_line(actor), on_one_line(reason));
        format!("{key}\t{}\t{}\t{actor}\t{reason}", until.0, since.0)
    }

    /// Reads a line of the record.
    pub fn from_line(line: &str) -> Option<Self> {
        // The first column of a breaker's line names no pipeline.
        if line.starts_with('!') {
            return None;
        }
        let mut columns = line.splitn(5, '\t');
        let mut column = || columns.next();
        let scope = PauseScope::from_key(column()?)?;
        let until = Timestamp(column()?.parse().ok()?);
        let since = Timestamp(column()?.parse().ok()?);
        let details = PauseDetails {
            actor: column()?.to_owned(),
            reason: column()?.to_owned(),
            since,
            until,
        };
        Some(Self { scope, details })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_is_read_as_it_was_stored() {
        let tenant: Tenant = "acme".parse().unwrap_or_else(|_| Tenant::fallback());
        for scope in [
            PauseScope::Pipeline("legal-review".to_owned()),
            PauseScope::Tenant(tenant.clone()),
            PauseScope::Both("legal-review".to_owned(), tenant),
        ] {
            assert_eq!(PauseScope::from_key(&scope.key()), Some(scope));
        }
        for key in ["", "*:*", "legal-review", "a:B C"] {
            assert_eq!(PauseScope::from_key(key), None, "{key}");
        }
        let pause = Pause {
            scope: PauseScope::Pipeline("legal-review".to_owned()),
            details: PauseDetails {
                actor: "sam@docket.example".to_owned(),
                reason: "two lines\nof a \"reason\"".to_owned(),
                since: Timestamp(1),
                until: Timestamp(u64::MAX),
            },
        };
        let read = Pause::from_line(&pause.to_line());
        let reason = "two lines of a \"reason\"".to_owned();
        let details = PauseDetails {
            reason,
            ..pause.details.clone()
        };
        assert_eq!(read, Some(Pause { details, ..pause }));
        for line in [
            "",
            "{}",
            "a:*\t1\t2\tsam",
            "a:*\tx\t2\tsam\twhy",
            "*:*\t1\t2\tsam\twhy",
        ] {
            assert_eq!(Pause::from_line(line), None, "{line}");
        }
    }
}
