//! The text of a digest.

use std::fmt::Write;

use jobs::id::Tenant;
use jobs::state::StatusGroup;

use super::contents::{Contents, ReportedDocument};
use super::{DigestScope, Recipient, TenantSettings, UnsubscribeLink};

/// How many names of a kind a mail lists.
const MAX_NAMES: usize = 20;
/// Longer names are cut.
const MAX_NAME_CHARS: usize = 100;

/// What all mails of a deployment have in common.
#[derive(Clone, Copy, Debug)]
pub struct MailSettings<'a> {
    /// The address of the HTTP API, without a slash at its end.
    pub api_url: &'a str,
    /// The page, without a slash at its end. `None`: mails have no link to it.
    pub page_url: Option<&'a str>,
}

/// A mail to one recipient. Its subject and its headers contain no text that users wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// For `List-Unsubscribe` (RFC 8058).
    pub unsubscribe_url: String,
    /// For the events about the mail: tenant and key of the recipient.
    pub tags: [(&'static str, String); 2],
}

/// A webhook that was disabled because it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DisabledWebhook {
    /// The beginning of its URL: the path may be a secret.
    pub(super) receiver: String,
    pub(super) reason: String,
    /// The user who created it.
    pub(super) created_by: String,
}

/// The mail of a digest.
pub(super) fn render(
    tenant: &Tenant,
    key: &str,
    recipient: &Recipient,
    contents: &Contents,
    disabled: &[DisabledWebhook],
    allowed: TenantSettings,
    settings: MailSettings<'_>,
) -> Mail {
    let link = UnsubscribeLink {
        tenant: tenant.clone(),
        recipient: key.to_owned(),
        token: recipient.token.clone(),
    };
    let unsubscribe_url = format!("{}/unsubscribe/{link}", settings.api_url);
    let counts = counts(contents);
    let mut body = MailBody::default();
    body.paragraph(&sentence(tenant, recipient, contents, allowed, &counts));
    if let Some(page) = settings.page_url {
        let list = if contents.batch.is_some() || recipient.scope == DigestScope::Tenant {
            "Open the list"
        } else {
            "Open your list"
        };
        body.link(list, &format!("{page}/"));
    }
    if allowed.include_names {
        body.names("Ready", &contents.documents, StatusGroup::Ready);
        body.names("Failed", &contents.documents, StatusGroup::Failed);
    }
    for webhook in disabled {
        body.paragraph(&format!(
            "The webhook to {} is disabled and gets no events: {}. Enable it again under “Webhooks” in the menu of your account, once its receiver answers. It then gets the events of the last 30 days that it missed.",
            visible(&webhook.receiver),
            webhook.reason
        ));
    }
    body.paragraph(
        "You get this mail because you switched on e-mail digests. Your account page changes or stops them. The next link stops them without signing in:",
    );
    body.link("Stop these mails", &unsubscribe_url);
    Mail {
        to: recipient.address.clone(),
        subject: format!("Docket: {counts}"),
        text: body.text,
        html: format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Docket</title></head><body>{}</body></html>",
            body.html
        ),
        unsubscribe_url,
        tags: [
            ("tenant", tenant.to_string()),
            ("recipient", key.to_owned()),
        ],
    }
}

/// Such as `12 ready, 1 failed`.
fn counts(contents: &Contents) -> String {
    let kinds = [
        (StatusGroup::Ready, "ready"),
        (StatusGroup::Failed, "failed"),
        (StatusGroup::Open, "open"),
        (StatusGroup::Cancelled, "cancelled"),
    ];
    let counted = kinds.into_iter().filter_map(|(status_group, word)| {
        let count = contents.count(status_group);
        (count > 0).then(|| format!("{count} {word}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

fn sentence(
    tenant: &Tenant,
    recipient: &Recipient,
    contents: &Contents,
    allowed: TenantSettings,
    counts: &str,
) -> String {
    let whose = match recipient.scope {
        DigestScope::Own => "Your documents in",
        DigestScope::Tenant => "All documents in",
    };
    let more = if contents.more { " of the newest" } else { "" };
    match &contents.batch {
        Some(name) => {
            let named = if allowed.include_names {
                format!("batch “{}”", visible(name))
            } else {
                "one batch".to_owned()
            };
            let is_open = contents.count(StatusGroup::Open) > 0;
            let end = if is_open {
                "after a day"
            } else {
                "now that it is complete"
            };
            format!("{whose} {tenant}, {named}, {end}: {counts}{more}.")
        }
        None => format!("{whose} {tenant}: {counts}{more}."),
    }
}

/// A name on one line. Names of files were cleaned already (`jobs::file_name::clean`).
fn visible(name: &str) -> String {
    let mut shown = name
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    let short: String = shown.by_ref().take(MAX_NAME_CHARS).collect();
    if shown.next().is_some() {
        format!("{short}…")
    } else {
        short
    }
}

/// The same body as text and as HTML.
#[derive(Default)]
struct MailBody {
    text: String,
    html: String,
}

impl MailBody {
    fn paragraph(&mut self, text: &str) {
        _ = write!(self.text, "{text}\n\n");
        _ = write!(self.html, "<p>{}</p>", escaped(text));
    }

    fn link(&mut self, words: &str, url: &str) {
        _ = write!(self.text, "{words}: {url}\n\n");
        let url = escaped(url);
        _ = write!(self.html, "<p><a href=\"{url}\">{}</a></p>", escaped(words));
    }

    fn names(&mut self, title: &str, documents: &[ReportedDocument], status_group: StatusGroup) {
        let names: Vec<String> = documents
            .iter()
            .filter(|it| it.status_group == status_group && !it.name.is_empty())
            .map(|it| visible(&it.name))
            .collect();
        if names.is_empty() {
            return;
        }
        _ = writeln!(self.text, "{title}:");
        _ = write!(self.html, "<p>{title}:</p><ul>");
        for name in names.iter().take(MAX_NAMES) {
            _ = writeln!(self.text, "- {name}");
            _ = write!(self.html, "<li>{}</li>", escaped(name));
        }
        if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
            _ = writeln!(self.text, "- and {more} more");
            _ = write!(self.html, "<li>and {more} more</li>");
        }
        self.text.push('\n');
        self.html.push_str("</ul>");
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
