//! `docket jobs`: lists and finds; the rest is next door.

use api::types::{JobPage, JobQuery};

use crate::Context;
use crate::api::query;
use crate::cli::{Jobs, List};
use crate::exit::{Exit, Failure, Outcome};
use crate::print::{count, exact, jobs_table};
use crate::{jobs_orders, jobs_show, quarantine, save};

/// The most jobs of one answer (`api::types::JobQuery`).
const PAGE: usize = 100;
/// One answer may hold nothing, since it looks at 500 jobs at most; so many answers are asked for without `--all`.
const PAGES: usize = 10;

pub(crate) async fn run(context: &Context, command: Jobs) -> Outcome<Exit> {
    match command {
        Jobs::List(list) => self::list(context, list).await,
        Jobs::Find { id } => find(context, id).await,
        Jobs::Show { id } => jobs_show::show(context, &id).await,
        Jobs::Explain { id } => jobs_show::explain(context, &id).await,
        Jobs::Result { id, output, force } => save::result(context, &id, output, force).await,
        Jobs::Retry { order, force } => jobs_orders::retry(context, order, force).await,
        Jobs::Cancel { order } => jobs_orders::cancel(context, order).await,
        Jobs::DeleteData { id, reason, yes } => {
            jobs_orders::delete_data(context, &id, reason, yes).await
        }
    }
}

async fn list(context: &Context, list: List) -> Outcome<Exit> {
    let page = search(context, &list).await?;
    let print = &context.print;
    if print.json {
        print.document(&page)?;
        return Ok(Exit::Done);
    }
    if page.jobs.is_empty() {
        print.line("no jobs")?;
    } else {
        print.table(&jobs_table(print, &page.jobs))?;
    }
    if page.cursor.is_some() {
        let far = page.searched_back_to.map_or_else(String::new, |at| {
            format!(", searched back to {}", exact(at))
        });
        print.note(&format!(
            "{}{far}; there may be more: --all, --limit, or a narrower search",
            count(page.jobs.len() as u64, "job", "jobs")
        ));
    }
    Ok(Exit::Done)
}

/// Turns the pages until there is enough.
async fn search(context: &Context, list: &List) -> Outcome<JobPage> {
    let wanted = list.paging.wanted();
    let mut all = JobPage {
        cursor: list.paging.cursor.clone(),
        ..JobPage::default()
    };
    for asked in 1.. {
        let room = wanted - all.jobs.len();
        let filters = JobQuery {
            tenant: list.tenant.clone(),
            status: list.status.clone(),
            pipeline: list.pipeline.clone(),
            cause: list.cause.clone(),
            since: list.since,
            q: list.name.clone(),
            find: None,
            limit: u16::try_from(room.min(PAGE)).ok(),
            cursor: all.cursor.take(),
        };
        let page: JobPage = context
            .api
            .get(&format!("/jobs{}", query(&filters)))
            .await?;
        all.jobs.extend(page.jobs);
        all.cursor = page.cursor;
        all.searched_back_to = page.searched_back_to.or(all.searched_back_to);
        let enough = all.jobs.len() >= wanted || (!list.paging.all && asked >= PAGES);
        if all.cursor.is_none() || enough {
            break;
        }
    }
    Ok(all)
}

async fn find(context: &Context, id: String) -> Outcome<Exit> {
    let filters = JobQuery {
        find: Some(id.clone()),
        ..JobQuery::default()
    };
    let page: JobPage = context
        .api
        .get(&format!("/jobs{}", query(&filters)))
        .await?;
    let print = &context.print;
    if print.json {
        print.document(&page)?;
    } else {
        if !page.jobs.is_empty() {
            print.table(&jobs_table(print, &page.jobs))?;
        }
        if !page.quarantine.is_empty() {
            print.table(&quarantine::table(print, &page.quarantine))?;
        }
    }
    if page.jobs.is_empty() && page.quarantine.is_empty() {
        return Err(Failure::local(
            Exit::NotFound,
            "not-found",
            format!("nothing is known by {id}"),
        )
        .hint("a file's name is found with `docket jobs list --name PREFIX`"));
    }
    Ok(Exit::Done)
}
