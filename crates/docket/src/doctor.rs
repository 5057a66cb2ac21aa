//! `docket doctor`: looks at everything between here and the service, and says what to do.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use api::types::{Configuration, Me, NewUpload, UploadView};
use http::{Method, Request};
use serde::Serialize;

use crate::Context;
use crate::account::person;
use crate::api::{Repeat, segment, unreachable};
use crate::config;
use crate::exit::{Exit, Failure, Outcome};
use crate::http::{ANSWER, whole};
use crate::print::{Style, harmless, parse_http_date, relative, span};
use crate::session::Sessions;
use crate::socket::{Frame, Socket};

/// A clock that is so far off is worth a word, in milliseconds.
const SKEW: u64 = 60_000;
/// And so far, it is in the way: sign-ins seem to end too early or too late.
const TOO_MUCH_SKEW: u64 = 300_000;
/// How long the first snapshot may take.
const SNAPSHOT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
}

struct Doctor<'a> {
    context: &'a Context,
    report: Report,
    exit: Exit,
}

pub(crate) async fn run(context: &Context, tenant: Option<String>) -> Outcome<Exit> {
    let mut doctor = Doctor {
        context,
        report: Report { checks: Vec::new() },
        exit: Exit::Done,
    };
    doctor.configuration()?;
    if doctor.reach().await?
        && let Some(me) = doctor.sign_in().await?
    {
        doctor.roles(&me)?;
        let named = tenant.or_else(|| me.tenants.first().cloned());
        doctor.web_socket(named.as_deref()).await?;
        doctor.uploads(&me, named).await?;
    }
    if context.print.json {
        context.print.document(&doctor.report)?;
    }
    Ok(doctor.exit)
}

impl Doctor<'_> {
    fn tell(
        &mut self,
        name: &'static str,
        state: State,
        detail: String,
        hint: Option<String>,
    ) -> Outcome<()> {
        let print = &self.context.print;
        if !print.json {
            let word = match state {
                State::Ok => print.paint(Style::Green, "ok  "),
                State::Warn => print.paint(Style::Yellow, "warn"),
                State::Fail => print.paint(Style::Red, "fail"),
            };
            print.line(&format!("{word}  {name:<14} {}", harmless(&detail)))?;
            if let Some(hint) = &hint {
                print.line(&format!("{:21}→ {}", "", harmless(hint)))?;
            }
        }
        self.report.checks.push(Check {
            name,
            state,
            detail,
            hint,
        });
        Ok(())
    }

    fn ok(&mut self, name: &'static str, detail: impl Into<String>) -> Outcome<()> {
        self.tell(name, State::Ok, detail.into(), None)
    }

    fn warn(&mut self, name: &'static str, detail: impl Into<String>, hint: &str) -> Outcome<()> {
        self.tell(name, State::Warn, detail.into(), Some(hint.to_owned()))
    }

    fn fail(&mut self, name: &'static str, failure: Failure) -> Outcome<()> {
        if self.exit == Exit::Done {
            self.exit = failure.exit;
        }
        self.tell(name, State::Fail, failure.problem.detail, failure.hint)
    }

    fn configuration(&mut self) -> Outcome<()> {
        let path = Sessions::path()?;
        let shown = path.display();
        match std::fs::metadata(&path) {
            Ok(about) if about.permissions().mode() & 0o077 != 0 => self.warn(
                "configuration",
                format!("others can read {shown}"),
                &format!("chmod 600 {shown}"),
            )?,
            Ok(_) => self.ok(
                "configuration",
                format!("{shown}, service {}", self.context.api.address()),
            )?,
            Err(_) => self.warn(
                "configuration",
                format!("there is no {shown}"),
                "run `docket login`",
            )?,
        }
        let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"]
            .into_iter()
            .find(|name| config::variable(name).is_some());
        if let Some(name) = proxy {
            self.warn(
                "proxy",
                format!("{name} is set, and this program connects directly"),
                "if the service cannot be reached, have the network let it through",
            )?;
        }
        Ok(())
    }

    async fn reach(&mut self) -> Outcome<bool> {
        let begun = Instant::now();
        let answer = self.context.api.get_public("/configuration").await;
        let took = begun.elapsed().as_millis();
        let read = answer.and_then(|answer| {
            let configuration: Configuration = self.context.api.read(&answer)?;
            Ok((answer, configuration))
        });
        let (answer, configuration) = match read {
            Ok(read) => read,
            Err(failure) => {
                self.fail("service", failure)?;
                return Ok(false);
            }
        };
        self.ok(
            "service",
            format!("{} answers after {took} ms", self.context.api.address()),
        )?;
        let date = answer
            .headers
            .get("date")
            .and_then(|date| date.to_str().ok());
        self.clock(date.and_then(parse_http_date))?;
        self.sign_in_address(&configuration).await?;
        Ok(true)
    }

    fn clock(&mut self, theirs: Option<u64>) -> Outcome<()> {
        let now = config::now();
        let Some(theirs) = theirs else {
            return self.warn(
                "clock",
                "the service does not tell the time",
                "see that this machine's clock is right",
            );
        };
        // The header has whole seconds.
        let skew = now.abs_diff(theirs).saturating_sub(1000);
        let way = if now > theirs { "ahead" } else { "behind" };
        let said = format!("this machine is {} {way} of the service", span(skew));
        if skew > TOO_MUCH_SKEW {
            let failure = Failure::here(said).hint("set this machine's clock");
            self.fail("clock", failure)
        } else if skew > SKEW {
            self.warn("clock", said, "set this machine's clock")
        } else {
            self.ok(
                "clock",
                format!("within {} of the service's", span(skew.max(1000))),
            )
        }
    }

    async fn sign_in_address(&mut self, configuration: &Configuration) -> Outcome<()> {
        let answer = self.probe(&configuration.sign_in_url, Method::GET).await;
        match answer {
            Ok(_) => self.ok("sign-in", format!("{} answers", configuration.sign_in_url)),
            Err(failure) => self.fail("sign-in", failure),
        }
    }

    /// Whether anybody answers there, whatever the answer is.
    async fn probe(&self, url: &str, method: Method) -> Outcome<u16> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .body(whole(""))
            .map_err(|error| Failure::here(format!("{url} is no address: {error}")))?;
        let answer = self.context.api.http.call(request, ANSWER).await;
        answer.map(|answer| answer.status).map_err(|no| {
            unreachable(&no).hint("have the network let this machine through to that address")
        })
    }

    async fn sign_in(&mut self) -> Outcome<Option<Me>> {
        match self.context.api.get::<Me>("/me").await {
            Ok(me) => {
                self.ok(
                    "signed in",
                    format!(
                        "as {}, until {}",
                        me.actor,
                        relative(me.expires_at, config::now())
                    ),
                )?;
                Ok(Some(me))
            }
            Err(failure) => {
                self.fail("signed in", failure)?;
                Ok(None)
            }
        }
    }

    fn roles(&mut self, me: &Me) -> Outcome<()> {
        let ask = "ask whoever manages the sign-ins";
        let support = me.roles.iter().any(|role| role == "support");
        if me.roles.is_empty() {
            let failure = Failure::local(Exit::Denied, "no-role", "no role: nothing is allowed");
            return self.fail("roles", failure.hint(ask));
        }
        if me.tenants.is_empty() && !support {
            let failure = Failure::local(
                Exit::Denied,
                "no-tenant",
                "no tenant: there is nothing to see",
            );
            return self.fail("roles", failure.hint(ask));
        }
        self.ok("roles", person(me))
    }

    async fn web_socket(&mut self, tenant: Option<&str>) -> Outcome<()> {
        let opened = async {
            let mut socket = Socket::open(self.context, tenant).await?;
            socket.sync().await?;
            loop {
                match socket.next().await? {
                    Some(Frame::Snapshot { jobs, more }) => return Ok((jobs.len(), more)),
                    Some(_) => {}
                    None => {
                        return Err(Failure::local(
                            Exit::Unavailable,
                            "web-socket",
                            "the service closed the WebSocket",
                        ));
                    }
                }
            }
        };
        match tokio::time::timeout(SNAPSHOT, opened).await {
            Ok(Ok((jobs, more))) => self.ok(
                "web socket",
                format!(
                    "open; the first snapshot has {jobs} jobs{}",
                    if more { ", and there are more" } else { "" }
                ),
            ),
            Ok(Err(failure)) => self.fail("web socket", failure),
            Err(_) => {
                let failure = Failure::local(
                    Exit::Unavailable,
                    "web-socket",
                    "it opened, and no snapshot came",
                );
                self.fail("web socket", failure.hint("look at the logs of ws-default"))
            }
        }
    }

    /// Announces an upload, sees whether its address can be reached, and takes the announcement back.
    async fn uploads(&mut self, me: &Me, tenant: Option<String>) -> Outcome<()> {
        let (Some(pipeline), Some(tenant)) = (me.pipelines.first(), tenant) else {
            return self.warn(
                "uploads",
                "not tried: no tenant was named",
                "say --tenant to try one",
            );
        };
        let new = NewUpload {
            pipeline: pipeline.name.clone(),
            tenant: Some(tenant),
            name: "docket-doctor.pdf".to_owned(),
            bytes: 1,
            content_type: pipeline.content_types.first().cloned().unwrap_or_default(),
        };
        let announced: Outcome<UploadView> = self
            .context
            .api
            .post("/uploads", &new, Repeat::Harmless)
            .await;
        let view = match announced {
            Ok(view) => view,
            Err(failure) => return self.fail("uploads", failure),
        };
        let url = view
            .put
            .as_ref()
            .map(|put| put.url.clone())
            .unwrap_or_default();
        let probed = match origin(&url) {
            Some(origin) => self.probe(&origin, Method::HEAD).await.map(|_| origin),
            None => Err(Failure::here(
                "the service did not say where to send a file",
            )),
        };
        let path = format!("/uploads/{}", segment(&view.job_id));
        let back = self
            .context
            .api
            .order(
                Method::DELETE,
                &path,
                &serde_json::json!({}),
                Repeat::Harmless,
            )
            .await;
        match (probed, back) {
            (Err(failure), _) | (Ok(_), Err(failure)) => self.fail("uploads", failure),
            (Ok(origin), Ok(_)) => self.ok(
                "uploads",
                format!("an address was signed, and {origin} answers"),
            ),
        }
    }
}

fn origin(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(format!("{}://{}/", uri.scheme_str()?, uri.authority()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_origin_is_probed() {
        assert_eq!(
            origin("https://b.s3.amazonaws.com/key?X-Amz-Signature=1").as_deref(),
            Some("https://b.s3.amazonaws.com/")
        );
        assert_eq!(origin("nowhere"), None);
    }
}
