//! `docket tenants`.

use api::types::{NewTenant, TenantList, TenantView};

use crate::CommandContext;
use crate::cli::TenantsCommand;
use crate::client::Idempotency;
use crate::error::{Exit, Result};
use crate::print::{Cell, Column, TextTable};

pub(crate) async fn run(context: &CommandContext, command: TenantsCommand) -> Result<Exit> {
    match command {
        TenantsCommand::List => list(context).await,
        TenantsCommand::Create { name, reason } => create(context, name, reason).await,
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
        Column::new("CREATED BY").truncate(),
    ]);
    for tenant in &known.tenants {
        let creator = tenant.created_by.as_deref();
        table.row([
            Cell::from(&tenant.name),
            Cell::from(printer.table_time(tenant.since)),
            Cell::from(creator.unwrap_or("none: found in S3")),
        ]);
    }
    printer.table(&table)?;
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
