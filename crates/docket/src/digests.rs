//! `docket digests`.

use api::digests::DigestScope;
use api::types::{DigestChange, DigestQuery, DigestView, TenantDigestChange, TenantDigestView};

use crate::CommandContext;
use crate::cli::DigestsCommand;
use crate::client::Idempotency;
use crate::error::{Exit, Result};
use crate::print::sanitize;
use crate::url::{path_segment, query_string};

const PATH: &str = "/me/digests";

pub(crate) async fn run(context: &CommandContext, command: DigestsCommand) -> Result<Exit> {
    match command {
        DigestsCommand::Show { tenant } => {
            let query = query_string(&DigestQuery { tenant });
            let path = format!("{PATH}{query}");
            print(context, &context.client.get(&path).await?)
        }
        DigestsCommand::On {
            scope,
            ready,
            failed,
            tenant,
        } => {
            let change = DigestChange {
                tenant,
                enabled: Some(true),
                scope: scope.map(|scope| scope.name().to_owned()),
                ready,
                failed,
            };
            send(context, &change).await
        }
        DigestsCommand::Off { tenant } => {
            let change = DigestChange {
                tenant,
                enabled: Some(false),
                ..DigestChange::default()
            };
            send(context, &change).await
        }
        DigestsCommand::Names {
            tenant,
            include,
            reason,
        } => {
            let path = format!("/tenants/{}/digests", path_segment(&tenant));
            let change = TenantDigestChange {
                include_names: include,
                reason,
            };
            let changed: TenantDigestView = context
                .client
                .post(&path, &change, Idempotency::Idempotent)
                .await?;
            let printer = &context.printer;
            if printer.json {
                printer.json_document(&changed)?;
            } else {
                printer.field("tenant", &sanitize(&changed.tenant))?;
                printer.field("names", yes_or_no(changed.include_names))?;
            }
            Ok(Exit::Success)
        }
    }
}

async fn send(context: &CommandContext, change: &DigestChange) -> Result<Exit> {
    let changed = context
        .client
        .post(PATH, change, Idempotency::Idempotent)
        .await?;
    print(context, &changed)
}

const fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn print(context: &CommandContext, view: &DigestView) -> Result<Exit> {
    let printer = &context.printer;
    if printer.json {
        printer.json_document(view)?;
        return Ok(Exit::Success);
    }
    printer.field("tenant", &sanitize(&view.tenant))?;
    printer.field("digests", if view.enabled { "on" } else { "off" })?;
    if let Some(reason) = &view.unavailable_reason {
        printer.field("not available", &sanitize(reason))?;
    }
    if let Some(reason) = &view.off_reason {
        printer.field("reason", &sanitize(reason))?;
    }
    if let Some(address) = &view.address {
        printer.field("sent to", &sanitize(address))?;
    }
    let documents = match view.scope {
        DigestScope::Own => "your own",
        DigestScope::Tenant => "all of the tenant",
    };
    printer.field("documents", documents)?;
    printer.field("ready", yes_or_no(view.ready))?;
    printer.field("failed", yes_or_no(view.failed))?;
    printer.field("names", yes_or_no(view.include_names))?;
    Ok(Exit::Success)
}
