//! `docket webhooks`.

use api::types::{
    DeliveryList, DeliveryView, NewWebhook, RedeliverRequest, WebhookChange, WebhookList,
    WebhookQuery, WebhookView,
};
use console::Style;
use http::Method;
use serde_json::json;

use crate::CommandContext;
use crate::cli::WebhooksCommand;
use crate::client::Idempotency;
use crate::error::{Exit, Result};
use crate::print::{Cell, Column, Printer, TextTable, sanitize};
use crate::url::{path_segment, query_string};

pub(crate) async fn run(context: &CommandContext, command: WebhooksCommand) -> Result<Exit> {
    let path = |id: &str| format!("/webhooks/{}", path_segment(id));
    match command {
        WebhooksCommand::List { tenant } => list(context, tenant).await,
        WebhooksCommand::Create {
            url,
            events,
            include_details,
            tenant,
        } => {
            let new = NewWebhook {
                tenant,
                url,
                event_types: events,
                include_details,
            };
            let created = context
                .client
                .post("/webhooks", &new, Idempotency::NotIdempotent);
            print(context, &created.await?)
        }
        WebhooksCommand::Show { id } => print(context, &context.client.get(&path(&id)).await?),
        WebhooksCommand::Change {
            id,
            url,
            events,
            include_details,
        } => {
            let change = WebhookChange {
                url,
                event_types: (!events.is_empty()).then_some(events),
                include_details,
                enabled: None,
            };
            send_change(context, &path(&id), &change).await
        }
        WebhooksCommand::Enable { id } => enable(context, &path(&id), true).await,
        WebhooksCommand::Pause { id } => enable(context, &path(&id), false).await,
        WebhooksCommand::RotateSecret { id } => {
            let path = format!("{}/secret", path(&id));
            let nothing = json!({});
            let rotated = context
                .client
                .post(&path, &nothing, Idempotency::NotIdempotent);
            print(context, &rotated.await?)
        }
        WebhooksCommand::Delete { id } => {
            context
                .client
                .send_json(
                    Method::DELETE,
                    &path(&id),
                    &json!({}),
                    Idempotency::Idempotent,
                )
                .await?;
            done(context, &format!("{id}  deleted"))
        }
        WebhooksCommand::Test { id } => {
            post(context, &format!("{}/test", path(&id)), &json!({})).await?;
            let hint = format!("a test event is sent; see `docket webhooks show {id}`");
            done(context, &hint)
        }
        WebhooksCommand::Redeliver { id, sequence, from } => {
            let request = RedeliverRequest { sequence, from };
            post(context, &format!("{}/redeliver", path(&id)), &request).await?;
            done(context, "the events are sent again")
        }
        WebhooksCommand::Deliveries { id } => {
            let path = format!("{}/deliveries", path(&id));
            deliveries(context, &context.client.get(&path).await?)
        }
    }
}

async fn post(context: &CommandContext, path: &str, body: &impl serde::Serialize) -> Result<()> {
    let sent = context
        .client
        .send_json(Method::POST, path, body, Idempotency::NotIdempotent);
    sent.await.map(drop)
}

async fn enable(context: &CommandContext, path: &str, enabled: bool) -> Result<Exit> {
    let change = WebhookChange {
        enabled: Some(enabled),
        ..WebhookChange::default()
    };
    send_change(context, path, &change).await
}

async fn send_change(context: &CommandContext, path: &str, change: &WebhookChange) -> Result<Exit> {
    let changed = context.client.post(path, change, Idempotency::Idempotent);
    print(context, &changed.await?)
}

fn done(context: &CommandContext, text: &str) -> Result<Exit> {
    if !context.printer.json {
        context.printer.line(&sanitize(text))?;
    }
    Ok(Exit::Success)
}

async fn list(context: &CommandContext, tenant: Option<String>) -> Result<Exit> {
    let query = query_string(&WebhookQuery { tenant });
    let list: WebhookList = context.client.get(&format!("/webhooks{query}")).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&list)?;
    } else if list.webhooks.is_empty() {
        printer.line("no webhooks")?;
    } else {
        printer.table(&table(&list.webhooks))?;
    }
    Ok(Exit::Success)
}

fn table(webhooks: &[WebhookView]) -> TextTable {
    let mut table = TextTable::new([
        Column::new("ID"),
        Column::new("STATE"),
        Column::new("WAITING").align_right().drop_rank(1),
        Column::new("URL").truncate(),
    ]);
    for webhook in webhooks {
        let (state, style) = state(webhook);
        table.row([
            Cell::from(&webhook.id),
            Cell::styled(style, state),
            Cell::from(webhook.waiting.to_string()),
            Cell::from(&webhook.url),
        ]);
    }
    table
}

fn state(webhook: &WebhookView) -> (&'static str, Style) {
    match (
        webhook.enabled,
        &webhook.disabled_reason,
        webhook.failing_since,
    ) {
        (true, _, Some(_)) => ("failing", Style::new().yellow()),
        (true, _, None) => ("enabled", Style::new().green()),
        (false, Some(_), _) => ("disabled", Style::new().red()),
        (false, None, _) => ("paused", Style::new()),
    }
}

fn print(context: &CommandContext, webhook: &WebhookView) -> Result<Exit> {
    let printer = &context.printer;
    if printer.json {
        printer.json_document(webhook)?;
        return Ok(Exit::Success);
    }
    printer.field("webhook", &sanitize(&webhook.id))?;
    printer.field("url", &sanitize(&webhook.url))?;
    printer.field("state", state(webhook).0)?;
    if let Some(reason) = &webhook.disabled_reason {
        printer.field("reason", &sanitize(reason))?;
    }
    if let Some(at) = webhook.failing_since {
        printer.field("failing since", &Printer::time_and_age(at))?;
    }
    let names: Vec<&str> = webhook.event_types.iter().map(|it| it.name()).collect();
    let events = if names.is_empty() {
        "all".to_owned()
    } else {
        names.join(", ")
    };
    printer.field("events", &events)?;
    printer.field("sent up to", &webhook.sequence.to_string())?;
    printer.field("waiting", &webhook.waiting.to_string())?;
    if webhook.expired > 0 {
        let lost = format!("{} events, before they were delivered", webhook.expired);
        printer.field("expired", &lost)?;
    }
    if let Some(secret) = &webhook.secret {
        printer.field("secret", &sanitize(secret))?;
        printer.info("store the secret now; it is not shown again");
    }
    Ok(Exit::Success)
}

fn deliveries(context: &CommandContext, list: &DeliveryList) -> Result<Exit> {
    let printer = &context.printer;
    if printer.json {
        printer.json_document(list)?;
    } else if list.deliveries.is_empty() {
        printer.line("no deliveries in the last 7 days")?;
    } else {
        printer.table(&delivery_table(printer, &list.deliveries))?;
    }
    Ok(Exit::Success)
}

fn delivery_table(printer: &Printer, deliveries: &[DeliveryView]) -> TextTable {
    let mut table = TextTable::new([
        Column::new("SENT"),
        Column::new("SEQUENCE").align_right(),
        Column::new("ATTEMPT").align_right().drop_rank(1),
        Column::new("OUTCOME").truncate(),
    ]);
    for delivery in deliveries {
        let status = delivery
            .status
            .map_or_else(String::new, |status| status.to_string());
        let outcome = delivery.problem.clone().unwrap_or(status);
        let sequence = match delivery.sequence {
            0 => "test".to_owned(),
            sequence => sequence.to_string(),
        };
        table.row([
            Cell::from(printer.table_time(delivery.at)),
            Cell::from(sequence),
            Cell::from(delivery.attempt.to_string()),
            Cell::from(outcome),
        ]);
    }
    table
}
