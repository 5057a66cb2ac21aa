//! `docket tenants`.

use api::types::{NewTenant, TenantList, TenantRetentionChange, TenantView};

use crate::CommandContext;
use crate::cli::TenantsCommand;
use crate::client::Idempotency;
use crate::error::{Exit, Result};
use crate::print::{Cell, Column, Printer, TextTable};
use crate::url::path_segment;

pub(crate) async fn run(context: &CommandContext, command: TenantsCommand) -> Result<Exit> {
    match command {
        TenantsCommand::List => list(context).await,
        TenantsCommand::Create { name, reason } => create(context, name, reason).await,
        TenantsCommand::Retention {
            name, days, reason, ..
        } => change_retention(context, &name, TenantRetentionChange { days, reason }).await,
    }
}

async fn list(context: &CommandContext) -> Result<Exit> {
    let known: TenantList = context.client.get("/tenants").await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&known)?;
        return Ok(Exit::Success);
    }
    if known.tenants.is_empty() {
        printer.line("no tenants")?;
        return Ok(Exit::Success);
    }
    let mut table = TextTable::new([
        Column::new("NAME"),
        Column::new("SINCE"),
        Column::new("RETENTION"),
        Column::new("CREATED BY").truncate(),
    ]);
    for tenant in &known.tenants {
        let creator = tenant.created_by.as_deref();
        table.row([
            Cell::from(&tenant.name),
            Cell::from(printer.table_time(tenant.since)),
            Cell::from(describe_retention(tenant)),
            Cell::from(creator.unwrap_or("none: found in S3")),
        ]);
    }
    printer.table(&table)?;
    Ok(Exit::Success)
}

fn describe_retention(tenant: &TenantView) -> String {
    match tenant.retention_days {
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
        None => "as the pipelines say".to_owned(),
    }
}

async fn change_retention(
    context: &CommandContext,
    name: &str,
    change: TenantRetentionChange,
) -> Result<Exit> {
    let path = format!("/tenants/{}/retention", path_segment(name));
    let changed: TenantView = context
        .client
        .post(&path, &change, Idempotency::Idempotent)
        .await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&changed)?;
        return Ok(Exit::Success);
    }
    printer.field("tenant", &changed.name)?;
    printer.field("retention", &describe_retention(&changed))?;
    if let Some(at) = changed.retention_begins_at {
        printer.field("begins", &Printer::time_and_age(at))?;
        printer.info(&format!(
            "from then on, the data of all jobs of {0} that ended so long ago is deleted for good; until then, `docket tenants retention {0} --as-pipelines` takes it back",
            changed.name
        ));
    }
    Ok(Exit::Success)
}

async fn create(context: &CommandContext, name: String, reason: String) -> Result<Exit> {
    let new = NewTenant { name, reason };
    let created: TenantView = context
        .client
        .post("/tenants", &new, Idempotency::Idempotent)
        .await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&created)?;
    } else {
        let creator = created.created_by.as_deref().unwrap_or_default();
        printer.field("tenant", &created.name)?;
        printer.field("created by", creator)?;
        printer.info(&format!(
            "to let people see its documents, add them to the user pool's group tenant:{}",
            created.name
        ));
    }
    Ok(Exit::Success)
}
