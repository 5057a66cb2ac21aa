//! The pages behind the link in an e-mail digest that stops it. Their visitors are not signed in.

use api::{ApiError, digests};
use jobs::ports::KeyValueStore;

use super::http::{HttpEvent, HttpResponse};
use super::routes::{Operation, find_route};

/// Answers a request for one of these pages; `None` for any other.
///
/// A GET changes nothing, since scanners of mails follow links. Mail programs send the POST of RFC 8058; the page's button
/// sends the same.
pub(super) async fn answer<P: KeyValueStore>(
    ports: &P,
    request: &HttpEvent,
) -> Option<HttpResponse> {
    let (route, path) = find_route(request).ok()?;
    let link = path.find("link").unwrap_or_default();
    let (status, text, form) = match route.operation {
        Operation::ShowUnsubscribe => (200, "Stop the e-mail digests to this address?", FORM),
        Operation::Unsubscribe => match digests::unsubscribe(ports, link).await {
            Ok(()) => (
                200,
                "You will get no more e-mail digests. You can switch them on again on your account page.",
                "",
            ),
            Err(ApiError::Unavailable(_)) => {
                (503, "That did not work. Try again in a moment.", FORM)
            }
            Err(_) => (
                404,
                "This link is not valid. Use the whole link of the mail, or stop the digests on your account page.",
                "",
            ),
        },
        _ => return None,
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>E-mail digests</title><style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}}button{{font:inherit;padding:.5rem 1rem}}</style></head><body><main><h1>E-mail digests</h1><p>{text}</p>{form}</main></body></html>"
    );
    Some(HttpResponse::html(status, body))
}

const FORM: &str = "<form method=\"post\"><input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\"><button>Stop the digests</button></form>";
