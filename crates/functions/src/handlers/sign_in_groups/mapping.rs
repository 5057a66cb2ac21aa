//! What the operators wrote in `infra/sign-in.toml`: which groups of which company's provider give which groups of Docket.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The providers by name. `infra/generate.py` checks the file and writes it into the function's environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct SignInMapping {
    providers: BTreeMap<String, Provider>,
}

/// One company's provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    /// What people call it.
    pub(super) label: String,
    /// The claim, or SAML attribute, with the user's e-mail address.
    pub(super) email_claim: String,
    /// The domains whose addresses the company may vouch for.
    email_domains: BTreeSet<String>,
    /// The claim, or SAML attribute, with the user's groups.
    pub(super) groups_claim: String,
    /// Groups of Docket by group of the company.
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl SignInMapping {
    pub(super) fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.get(name)
    }
}

impl Provider {
    /// The groups of Docket that groups of the company give, each once, in order.
    pub(super) fn groups_of<'a>(&self, company_groups: &'a [String]) -> BTreeSet<&str> {
        let known = |name: &'a String| self.groups.get(name);
        let given = company_groups.iter().filter_map(known);
        given.flatten().map(String::as_str).collect()
    }

    /// Whether a group of the company gives any group of Docket.
    pub(super) fn knows(&self, company_group: &str) -> bool {
        self.groups.contains_key(company_group)
    }

    /// Whether the company may say that an address is a user's. It may for its own domains only: an address names its user
    /// in job histories and in the audit log.
    pub(super) fn vouches_for(&self, email: &str) -> bool {
        let is_plain = email
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && c != '"');
        match email.split_once('@') {
            Some((name, domain)) => {
                is_plain
                    && !name.is_empty()
                    && self.email_domains.contains(&domain.to_ascii_lowercase())
            }
            None => false,
        }
    }
}
