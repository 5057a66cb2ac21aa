//! What `make up` prints: how to use a running stack.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::cloud;
use crate::companies::CompanySignIns;
use crate::deploy::Outputs;
use crate::test_users::{TEST_PASSWORD, TEST_USERS};
use crate::web_server::WEB_APP_NOT_BUILT;
use crate::{repo, run_dir};

/// The addresses of a running stack: `stack.json`.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct StackInfo {
    pub(crate) url: String,
    pub(crate) endpoints_url: String,
    pub(crate) endpoints: Vec<String>,
    pub(crate) model_url: String,
    /// The model is a container of the user.
    #[serde(default)]
    pub(crate) is_user_container: bool,
    /// `None` if the web app has not been built.
    #[serde(default)]
    pub(crate) web_app_url: Option<String>,
    pub(crate) outputs: Outputs,
    /// With `--company`.
    #[serde(default)]
    pub(crate) company: Option<CompanySignIns>,
}

impl StackInfo {
    /// Shell commands that configure the AWS CLI for a running stack.
    pub(crate) fn shell_exports(&self) -> String {
        let outputs = &self.outputs;
        // `docket` is built beside this program.
        let programs = std::env::current_exe().ok();
        let folders = programs.iter().filter_map(|program| program.parent());
        let mut lines: Vec<String> = folders
            .chain([repo::file(".venv/bin").as_path()])
            .map(|folder| {
                format!(
                    "export PATH={}:\"$PATH\"",
                    shell_quoted(&folder.to_string_lossy())
                )
            })
            .collect();
        let mut export =
            |name: &str, value: &str| lines.push(format!("export {name}={}", shell_quoted(value)));
        for (name, value) in cloud::environment(&self.url) {
            export(&name, &value);
        }
        export("DOCKET_BUCKET", &outputs.jobs_bucket_name);
        export("DOCKET_JOBS_TABLE", &outputs.jobs_table_name);
        export("DOCKET_CONNECTIONS_TABLE", &outputs.connections_table_name);
        export("DOCKET_RECORDS_TABLE", &outputs.records_table_name);
        export("DOCKET_UPLOADS_QUEUE", &outputs.uploads_queue_url);
        export("DOCKET_CHECKS_QUEUE", &outputs.checks_queue_url);
        export("DOCKET_EVENT_BUS", &outputs.event_bus_name);
        export("DOCKET_WEBSOCKET_MANAGEMENT_URL", &outputs.web_socket_url);
        export("DOCKET_API", &outputs.http_api_url);
        if let Some(page) = &self.web_app_url {
            export("DOCKET_PAGE", page);
        }
        lines.join("\n") + "\n"
    }

    /// Says how to use the stack.
    pub(crate) fn print(&self) -> Result<()> {
        use std::io::Write;
        let outputs = &self.outputs;
        let program = shell_quoted(&std::env::current_exe()?.to_string_lossy());
        let env = shell_quoted(
            &run_dir::path_of(run_dir::BACKGROUND)
                .join("env.sh")
                .to_string_lossy(),
        );
        let docket = std::env::current_exe()?.with_file_name("docket");
        let docket = shell_quoted(&docket.to_string_lossy());
        let users: Vec<String> = TEST_USERS
            .iter()
            .map(|user| user_line(user.email, &user.groups.join(", ")))
            .collect();
        let endpoints: Vec<String> = self
            .endpoints
            .iter()
            .map(|name| format!("             {}/_endpoint/{name}", self.endpoints_url))
            .collect();
        let company = self.company.as_ref();
        let company_login =
            company.map(|company| company_commands(company, &docket, &outputs.http_api_url));
        let company = company.map(describe_company);
        let text = format!(
        "
  web app    {web_app}
  HTTP API   {api}
  users      all with the password {TEST_PASSWORD}
{users}{company}
  AWS        {url}
  WebSocket  {websocket}?ticket=<ticket>
             create a ticket, which opens one connection within 60 s: {program} ticket acme
  model      {model}  ({model_kind})
  endpoints  (GET returns the state)
{endpoints}
  logs       {logs}

Use the command line (see also `{docket} help`):

  {docket} login --api {api} --email reviewer@acme.example
  {docket} upload samples/contracts/consulting-agreement.pdf --pipeline legal-review --wait --save target
  {docket} jobs list
{company_login}
To use the AWS CLI, paste the following lines, or run: . {env}
(Repeat this after every `make up`, because the ports change.)

{exports}
For example:

  # upload a contract
  aws s3 cp samples/contracts/consulting-agreement.pdf \"s3://$DOCKET_BUCKET/inbound/acme/\"
  # show the pushes of the tenant acme (stop with Ctrl-C)
  {program} watch acme
  # list the results
  aws s3 ls --recursive \"s3://$DOCKET_BUCKET/outbound/\"

(`aws sqs` also needs --endpoint-url \"$AWS_ENDPOINT_URL\".)
",
            web_app = self.web_app_url.as_deref().unwrap_or(WEB_APP_NOT_BUILT),
            api = outputs.http_api_url,
            users = users.join("\n"),
            company = company.as_deref().unwrap_or_default(),
            company_login = company_login.as_deref().unwrap_or_default(),
            url = self.url,
            websocket = outputs.web_socket_url,
            model = self.model_url,
            model_kind = if self.is_user_container {
                "your container"
            } else {
                "the reference model"
            },
            endpoints = endpoints.join("\n"),
            logs = run_dir::path_of(run_dir::BACKGROUND).display(),
            exports = self.shell_exports(),
        );
        Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
    }
}

/// A row of a list of users.
fn user_line(email: &str, what: &str) -> String {
    format!("             {email:<24} {what}")
}

/// The company's users and its program.
fn describe_company(company: &CompanySignIns) -> String {
    let CompanySignIns {
        label,
        people,
        program,
    } = company;
    let people = people.iter().map(|person| {
        let groups = person.groups.join(", ");
        let nothing = "in no group of Docket: the sign-in is refused with the reason";
        user_line(
            &person.email,
            if groups.is_empty() { nothing } else { &groups },
        )
    });
    let people: Vec<String> = people.collect();
    format!(
        "
  company    choose `Sign in with {label}` on the web app, then a person; there are no passwords
{}
  program    `{}` ({}) signs in by itself, with
             client id {}, secret {}",
        people.join("\n"),
        program.name,
        program.groups.join(", "),
        program.client_id,
        program.client_secret,
    )
}

/// The company's sign-ins on the command line.
fn company_commands(company: &CompanySignIns, docket: &str, api: &str) -> String {
    let CompanySignIns { label, program, .. } = company;
    format!(
        "
The same with {label}: in this machine's browser, in any browser (`--paste`), or as the program `{}`:

  {docket} login --api {api} --company
  {docket} login --api {api} --company --paste
  DOCKET_CLIENT_ID={} DOCKET_CLIENT_SECRET={} {docket} jobs list --api {api}
",
        program.name,
        shell_quoted(&program.client_id),
        shell_quoted(&program.client_secret),
    )
}

/// Quotes a word for the shell.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(shell_quoted("/a/b-1.c"), "/a/b-1.c");
        assert_eq!(shell_quoted("/my docs/it's"), r"'/my docs/it'\''s'");
        assert_eq!(shell_quoted(""), "''");
    }
}
