//! `docket doctor`: checks the configuration, the connection and the sign-in, and says how to fix what fails.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use api::types::{CallerView, ClientConfiguration, NewUpload, UploadView};
use console::Style;
use http::{Method, Request};
use serde::Serialize;

use crate::CommandContext;
use crate::account::{identity, sees_all_tenants};
use crate::client::{Idempotency, unreachable_error};
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::http_client::{RESPONSE_TIMEOUT, full_body};
use crate::print::{duration, parse_http_date, relative_time, sanitize};
use crate::session::Sessions;
use crate::url::path_segment;
use crate::web_socket::{ReceivedMessage, WebSocket};

/// A clock difference of more than this is a warning.
const CLOCK_SKEW_WARNING_MS: u64 = 60_000;
/// A clock difference of more than this is a failure: sign-ins would seem to expire too early or too late.
const CLOCK_SKEW_FAILURE_MS: u64 = 300_000;
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CheckStatus {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct DoctorCheck {
    name: &'static str,
    state: CheckStatus,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct DoctorReport {
    checks: Vec<DoctorCheck>,
}

struct Doctor<'a> {
    context: &'a CommandContext,
    report: DoctorReport,
    exit: Exit,
}

pub(crate) async fn run(context: &CommandContext, tenant: Option<String>) -> Result<Exit> {
    let mut doctor = Doctor {
        context,
        report: DoctorReport { checks: Vec::new() },
        exit: Exit::Success,
    };
    doctor.configuration()?;
    if doctor.service().await?
        && let Some(me) = doctor.sign_in().await?
    {
        doctor.roles(&me)?;
        let named = tenant.or_else(|| me.tenants.first().cloned());
        doctor.web_socket(named.as_deref()).await?;
        doctor.uploads(&me, named).await?;
    }
    if context.printer.json {
        context.printer.json_document(&doctor.report)?;
    }
    Ok(doctor.exit)
}

impl Doctor<'_> {
    /// Records the result of a check, and prints it for people.
    fn report(
        &mut self,
        name: &'static str,
        state: CheckStatus,
        detail: String,
        hint: Option<String>,
    ) -> Result<()> {
        let printer = &self.context.printer;
        if !printer.json {
            let status = match state {
                CheckStatus::Ok => printer.paint(Style::new().green(), "ok  "),
                CheckStatus::Warn => printer.paint(Style::new().yellow(), "warn"),
                CheckStatus::Fail => printer.paint(Style::new().red(), "fail"),
            };
            printer.line(&format!("{status}  {name:<14} {}", sanitize(&detail)))?;
            if let Some(hint) = &hint {
                printer.line(&format!("{:21}→ {}", "", sanitize(hint)))?;
            }
        }
        self.report.checks.push(DoctorCheck {
            name,
            state,
            detail,
            hint,
        });
        Ok(())
    }

    fn ok(&mut self, name: &'static str, detail: impl Into<String>) -> Result<()> {
        self.report(name, CheckStatus::Ok, detail.into(), None)
    }

    fn warn(&mut self, name: &'static str, detail: impl Into<String>, hint: &str) -> Result<()> {
        self.report(
            name,
            CheckStatus::Warn,
            detail.into(),
            Some(hint.to_owned()),
        )
    }

    fn fail(&mut self, name: &'static str, error: CliError) -> Result<()> {
        if self.exit == Exit::Success {
            self.exit = error.exit;
        }
        self.report(name, CheckStatus::Fail, error.problem.detail, error.hint)
    }

    fn configuration(&mut self) -> Result<()> {
        let path = Sessions::path()?;
        let shown = path.display();
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => self.warn(
                "configuration",
                format!("other users can read {shown}"),
                &format!("run `chmod 600 {shown}`"),
            )?,
            Ok(_) => {
                let api = self.context.client.address();
                let session = Sessions::load()?.sign_ins.remove(api);
                let in_keyring = session.is_some_and(|session| session.in_keyring);
                let tokens = if in_keyring {
                    ", tokens in the keyring"
                } else {
                    ""
                };
                self.ok("configuration", format!("{shown}, service {api}{tokens}"))?;
            }
            Err(_) => self.warn(
                "configuration",
                format!("{shown} does not exist"),
                "run `docket login`",
            )?,
        }
        let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"]
            .into_iter()
            .find(|name| config::variable(name).is_some());
        if let Some(name) = proxy {
            self.warn(
                "proxy",
                format!("{name} is set, but this program does not use proxies"),
                "if the service cannot be reached, allow direct connections to it",
            )?;
        }
        Ok(())
    }

    async fn service(&mut self) -> Result<bool> {
        let started = Instant::now();
        let response = self.context.client.get_public("/configuration").await;
        let took = started.elapsed().as_millis();
        let decoded = response.and_then(|response| {
            let configuration: ClientConfiguration = self.context.client.decode(&response)?;
            Ok((response, configuration))
        });
        let (response, configuration) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => {
                self.fail("service", error)?;
                return Ok(false);
            }
        };
        self.ok(
            "service",
            format!("{} answered in {took} ms", self.context.client.address()),
        )?;
        let date = response
            .headers
            .get("date")
            .and_then(|date| date.to_str().ok());
        self.clock(date.and_then(parse_http_date))?;
        self.sign_in_address(&configuration).await?;
        Ok(true)
    }

    fn clock(&mut self, service_time: Option<u64>) -> Result<()> {
        let now = config::now();
        let Some(service_time) = service_time else {
            return self.warn(
                "clock",
                "the service did not send its time",
                "make sure that this machine's clock is right",
            );
        };
        // The header has a resolution of one second.
        let skew = now.abs_diff(service_time).saturating_sub(1000);
        let direction = if now > service_time {
            "ahead of"
        } else {
            "behind"
        };
        let detail = format!(
            "this machine's clock is {} {direction} the service's",
            duration(skew)
        );
        if skew > CLOCK_SKEW_FAILURE_MS {
            let error = CliError::local(detail).with_hint("set this machine's clock");
            self.fail("clock", error)
        } else if skew > CLOCK_SKEW_WARNING_MS {
            self.warn("clock", detail, "set this machine's clock")
        } else {
            self.ok(
                "clock",
                format!("within {} of the service's clock", duration(skew.max(1000))),
            )
        }
    }

    async fn sign_in_address(&mut self, configuration: &ClientConfiguration) -> Result<()> {
        match self.probe(&configuration.sign_in_url, Method::GET).await {
            Ok(_) => self.ok("sign-in", format!("{} answers", configuration.sign_in_url))?,
            Err(error) => self.fail("sign-in", error)?,
        }
        let Some(company) = &configuration.company_sign_in else {
            return Ok(());
        };
        match self.probe(&company.url, Method::GET).await {
            Ok(_) => self.ok("company", format!("{} answers", company.url)),
            Err(error) => self.fail("company", error),
        }
    }

    /// Checks that a server answers. The status of the answer does not matter.
    async fn probe(&self, url: &str, method: Method) -> Result<u16> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .body(full_body(""))
            .map_err(|error| CliError::local(format!("{url} is not a valid address: {error}")))?;
        let result = self
            .context
            .client
            .http
            .call(request, RESPONSE_TIMEOUT)
            .await;
        result.map(|response| response.status).map_err(|error| {
            unreachable_error(&error)
                .with_hint("allow connections from this machine to that address")
        })
    }

    async fn sign_in(&mut self) -> Result<Option<CallerView>> {
        match self.context.client.get::<CallerView>("/me").await {
            Ok(me) => {
                self.ok(
                    "signed in",
                    format!(
                        "as {}, expires {}",
                        me.actor,
                        relative_time(me.expires_at, config::now())
                    ),
                )?;
                Ok(Some(me))
            }
            Err(error) => {
                self.fail("signed in", error)?;
                Ok(None)
            }
        }
    }

    fn roles(&mut self, me: &CallerView) -> Result<()> {
        let hint = "ask the administrator of the user pool";
        if me.roles.is_empty() {
            let error = CliError::new(
                Exit::Denied,
                "no-role",
                "the user has no role, so nothing is allowed",
            );
            return self.fail("roles", error.with_hint(hint));
        }
        if me.tenants.is_empty() && !sees_all_tenants(me) {
            let error = CliError::new(
                Exit::Denied,
                "no-tenant",
                "the user has no tenant, so there are no jobs to see",
            );
            return self.fail("roles", error.with_hint(hint));
        }
        self.ok("roles", identity(me))
    }

    async fn web_socket(&mut self, tenant: Option<&str>) -> Result<()> {
        let opened = async {
            let mut socket = WebSocket::open(self.context, tenant).await?;
            socket.sync().await?;
            loop {
                match socket.next().await? {
                    Some(ReceivedMessage::Snapshot { jobs, more }) => {
                        return Ok((jobs.len(), more));
                    }
                    Some(_) => {}
                    None => {
                        return Err(CliError::new(
                            Exit::Unavailable,
                            "web-socket",
                            "the service closed the WebSocket",
                        ));
                    }
                }
            }
        };
        match tokio::time::timeout(SNAPSHOT_TIMEOUT, opened).await {
            Ok(Ok((jobs, more))) => self.ok(
                "web socket",
                format!(
                    "connected; the first snapshot has {jobs} jobs{}",
                    if more {
                        ", and there are more jobs"
                    } else {
                        ""
                    }
                ),
            ),
            Ok(Err(error)) => self.fail("web socket", error),
            Err(_) => {
                let error = CliError::new(
                    Exit::Unavailable,
                    "web-socket",
                    "connected, but no snapshot arrived",
                );
                self.fail(
                    "web socket",
                    error.with_hint("check the logs of the function ws-default"),
                )
            }
        }
    }

    /// Creates an upload, checks that the address to send the file to can be reached, and deletes the upload.
    async fn uploads(&mut self, me: &CallerView, tenant: Option<String>) -> Result<()> {
        let (Some(pipeline), Some(tenant)) = (me.pipelines.first(), tenant) else {
            return self.warn(
                "uploads",
                "not tested: no tenant given",
                "use --tenant to test one",
            );
        };
        let new = NewUpload {
            pipeline: pipeline.name.clone(),
            tenant: Some(tenant),
            name: "docket-doctor.pdf".to_owned(),
            bytes: 1,
            content_type: pipeline.content_types.first().cloned().unwrap_or_default(),
            ..NewUpload::default()
        };
        let created: Result<UploadView> = self
            .context
            .client
            .post("/uploads", &new, Idempotency::Idempotent)
            .await;
        let view = match created {
            Ok(view) => view,
            Err(error) => return self.fail("uploads", error),
        };
        let url = view
            .put
            .as_ref()
            .map(|put| put.url.clone())
            .unwrap_or_default();
        let probed = match origin(&url) {
            Some(origin) => self.probe(&origin, Method::HEAD).await.map(|_| origin),
            None => Err(CliError::local("the service sent no address to upload to")),
        };
        let path = format!("/uploads/{}", path_segment(&view.job_id));
        let deleted = self
            .context
            .client
            .send_json(
                Method::DELETE,
                &path,
                &serde_json::json!({}),
                Idempotency::Idempotent,
            )
            .await;
        match (probed, deleted) {
            (Err(error), _) | (Ok(_), Err(error)) => self.fail("uploads", error),
            (Ok(origin), Ok(_)) => {
                self.ok("uploads", format!("created an upload; {origin} answers"))
            }
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
    fn origin_has_no_path_and_no_signature() {
        assert_eq!(
            origin("https://b.s3.amazonaws.com/key?X-Amz-Signature=1").as_deref(),
            Some("https://b.s3.amazonaws.com/")
        );
        assert_eq!(origin("nowhere"), None);
    }
}
