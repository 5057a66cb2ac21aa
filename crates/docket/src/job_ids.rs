//! Ids of jobs on the command line: whole, or their first characters if only one job has them.

use std::collections::BTreeSet;

use api::job_list::MAX_PAGE_SIZE;
use api::types::{JobPage, JobQuery};

use crate::CommandContext;
use crate::error::{CliError, Exit, Result};
use crate::print::sanitize;
use crate::url::query_string;

const ID_CHARS: usize = 36;
/// The service finds jobs by this many of the first characters.
const MIN_PREFIX_CHARS: usize = 8;
/// A shorter start is looked for in the list of all jobs, if that has at most this number of pages.
const MAX_LISTED_PAGES: usize = 10;
/// No two of a million jobs share this many, so the search stops at the first one.
const CERTAIN_PREFIX_CHARS: usize = 14;

/// Parses an id on the command line. An empty one would name the list of all jobs.
pub(crate) fn job_id(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(
            "the id of a job must not be empty; is a variable of your script not set?".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Whether the text is the start of an id, and no whole one.
fn is_prefix(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_hexdigit() || c == '-';
    text.len() < ID_CHARS && text.chars().all(is_digit)
}

/// The ids of all jobs that a query finds, however many pages they fill.
pub(crate) async fn all_ids(context: &CommandContext, query: JobQuery) -> Result<Vec<String>> {
    let mut query = JobQuery {
        limit: Some(MAX_PAGE_SIZE),
        ..query
    };
    let mut ids = Vec::new();
    loop {
        let path = format!("/jobs{}", query_string(&query));
        let page: JobPage = context.client.get(&path).await?;
        ids.extend(page.jobs.into_iter().map(|job| job.id));
        query.cursor = page.cursor;
        if query.cursor.is_none() {
            return Ok(ids);
        }
    }
}

/// The whole id of the only job whose id begins with the text. Other texts are left to the service.
///
/// # Errors
/// If several jobs have it, or it is too short to search for.
pub(crate) async fn whole_id(context: &CommandContext, text: &str) -> Result<String> {
    if !is_prefix(text) {
        return Ok(text.to_owned());
    }
    let prefix = text.to_lowercase();
    let is_short = prefix.len() < MIN_PREFIX_CHARS;
    let too_short = || {
        CliError::usage(format!(
            "{text} is too short for an id; give at least its first {MIN_PREFIX_CHARS} characters"
        ))
    };
    let mut query = JobQuery {
        search: (!is_short).then(|| prefix.chars().take(MIN_PREFIX_CHARS).collect()),
        limit: is_short.then_some(MAX_PAGE_SIZE),
        ..JobQuery::default()
    };
    let mut found = BTreeSet::new();
    let mut pages = 0;
    loop {
        let path = format!("/jobs{}", query_string(&query));
        let page: JobPage = match context.client.get(&path).await {
            // Not everyone has a list of all jobs.
            Err(error) if is_short && error.kind() == "bad-request" => return Err(too_short()),
            page => page?,
        };
        pages += 1;
        let ids = page.jobs.into_iter().map(|job| job.id);
        found.extend(ids.filter(|id| id.starts_with(&prefix)));
        query.cursor = page.cursor;
        let is_certain = !found.is_empty() && prefix.len() >= CERTAIN_PREFIX_CHARS;
        if query.cursor.is_none() || found.len() > 1 || is_certain {
            break;
        }
        if is_short && pages == MAX_LISTED_PAGES {
            return Err(too_short());
        }
    }
    let mut all = found.iter();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(CliError::new(
            Exit::NotFound,
            "not-found",
            format!("there is no job whose id begins with {text}, or you have no access to it"),
        )),
        (Some(one), Some(other)) => Err(CliError::usage(format!(
            "the ids of several jobs begin with {text}: {}, {}",
            sanitize(one),
            sanitize(other)
        ))),
    }
}

/// The whole ids of several.
pub(crate) async fn whole_ids(context: &CommandContext, texts: &[String]) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        ids.push(whole_id(context, text).await?);
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_ids_and_other_texts_are_not_taken_for_the_start_of_an_id() {
        for prefix in ["9e70cad0", "9E70CAD0-2ef0", "9e7"] {
            assert!(is_prefix(prefix), "{prefix}");
        }
        for other in [
            "9e70cad0-2ef0-5cc5-a05e-6f9c5a981541",
            "j1",
            "inbound/acme/a.pdf",
        ] {
            assert!(!is_prefix(other), "{other}");
        }
        assert!(job_id("  ").is_err());
    }
}
