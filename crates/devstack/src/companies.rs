//! A stack in which companies sign users in, and programs sign in by themselves. Each company has a provider of its own
//! (`crates/devstack/company/provider.mjs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::process::Command;

use crate::child_processes::{Child, ChildProcesses, Program};
use crate::deploy::{AwsCli, CompanyParameters, Outputs};
use crate::repo;
use crate::run_dir::RunDir;
use crate::stack_processes::clean_environment;
use crate::test_users::UserPools;

/// The client of Docket at every provider, and its secret (`provider.mjs`).
const CLIENT: &str = r#"{"client_id": "docket", "client_secret": "secret-of-this-machine"}"#;
const PROGRAM: &str = "node";
const SCRIPT: &str = "crates/devstack/company/provider.mjs";
const MODULES: &str = "crates/devstack/company/node_modules";
/// The company of `make up COMPANY=1`.
const SIGN_IN: &str = "crates/devstack/company/sign-in.toml";
const USERS: &str = "crates/devstack/company/users.json";
const COMPANY: &str = "Acme";

/// The companies' providers and users, and the programs, that sign in without a password of the user pool.
#[derive(Clone, Debug)]
pub struct Companies {
    /// A file like `infra/sign-in.toml`.
    pub sign_in: PathBuf,
    /// The users of providers by the provider's name, as `provider.mjs` reads them. The stack starts these providers, and
    /// replaces `http://127.0.0.1/<name>` in the other file by their addresses.
    pub users: BTreeMap<String, PathBuf>,
    /// The page's origin, to which users may return; `None` for those of the command line only.
    pub page_origin: Option<String>,
}

impl Companies {
    /// The company of `make up COMPANY=1`.
    pub(crate) fn local(page_origin: Option<String>) -> Self {
        Self {
            sign_in: repo::file(SIGN_IN),
            users: BTreeMap::from([(COMPANY.to_owned(), repo::file(USERS))]),
            page_origin,
        }
    }
}

/// Checks that this machine can run providers.
///
/// # Errors
/// The message says what to install.
pub(crate) async fn check_prerequisites() -> Result<()> {
    let version = Command::new(PROGRAM)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    if !version.is_ok_and(|done| done.status.success()) {
        bail!("the company's provider needs Node 20.19 or newer, and there is no program `node`");
    }
    if !repo::file(MODULES).is_dir() {
        bail!("the company's provider needs its modules; run `make company-modules`");
    }
    Ok(())
}

/// Starts the providers, writes the template for them to the stack's folder, and stores the secrets that it refers to.
pub(crate) async fn prepare(
    cli: &AwsCli<'_>,
    companies: &Companies,
    children: &ChildProcesses,
    dir: &RunDir,
    cloud_url: &str,
) -> Result<(CompanyParameters, Vec<Child>)> {
    let file = &companies.sign_in;
    let mut sign_in = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut providers = Vec::new();
    for (name, users) in &companies.users {
        let label = label(&sign_in, name)?;
        let provider = start_provider(children, dir, name, &label, users, cloud_url).await?;
        let issuer = format!("\"http://127.0.0.1:{}\"", provider.port);
        sign_in = sign_in.replace(&format!("\"http://127.0.0.1/{name}\""), &issuer);
        providers.push(provider);
    }
    let filled = dir.file("sign-in.toml");
    std::fs::write(&filled, sign_in).with_context(|| filled.display().to_string())?;
    let text = cli
        .python(&["infra/generate.py", "--sign-in", &filled.to_string_lossy()])
        .await
        .context("cannot make the template for the companies")?;
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ProviderName: "));
    for name in names {
        let secret = format!("docket/sign-in/{name}");
        let arguments = ["secretsmanager", "create-secret", "--name", &secret];
        cli.aws(&[&arguments[..], &["--secret-string", CLIENT]].concat())
            .await?;
    }
    let template = dir.file("service.yaml");
    std::fs::write(&template, text).with_context(|| template.display().to_string())?;
    let parameters = CompanyParameters {
        template,
        page_origin: companies.page_origin.clone(),
    };
    Ok((parameters, providers))
}

async fn start_provider(
    children: &ChildProcesses,
    dir: &RunDir,
    name: &str,
    label: &str,
    users: &Path,
    cloud_url: &str,
) -> Result<Child> {
    let callback = format!("{cloud_url}/oauth2/idpresponse");
    children
        .start(Program {
            name: "the company's provider",
            interpreter: Path::new(PROGRAM),
            script: repo::file(SCRIPT),
            arguments: vec![
                label.to_owned(),
                users.to_string_lossy().into_owned(),
                callback,
            ],
            environment: clean_environment(dir, ""),
            log: dir.file(&format!("provider-{name}.log")),
        })
        .await
}

/// The parts of a file like `infra/sign-in.toml` that `make up` prints.
#[derive(Deserialize)]
struct SignInFile {
    providers: BTreeMap<String, ProviderTable>,
    machine_clients: BTreeMap<String, MachineTable>,
}

#[derive(Deserialize)]
struct ProviderTable {
    label: String,
    groups: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct MachineTable {
    tenant: String,
    roles: Vec<String>,
}

#[derive(Deserialize)]
struct CompanyUser {
    email: String,
    groups: Vec<String>,
}

fn label(sign_in: &str, name: &str) -> Result<String> {
    let mut file: SignInFile = toml::from_str(sign_in)?;
    let provider = file.providers.remove(name);
    let provider = provider.with_context(|| format!("there is no provider {name}"))?;
    Ok(provider.label)
}

/// Who can sign in to the local company's stack, as `make up` prints it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct CompanySignIns {
    pub(crate) label: String,
    pub(crate) people: Vec<Person>,
    pub(crate) program: ProgramSignIn,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Person {
    pub(crate) email: String,
    /// Docket's groups that the company's groups give.
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ProgramSignIn {
    pub(crate) name: String,
    /// Docket's groups.
    pub(crate) groups: Vec<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

impl CompanySignIns {
    /// Reads the files of the local company, and its program's secret from the user pool.
    pub(crate) async fn read(cloud_url: &str, outputs: &Outputs) -> Result<Self> {
        let text = |path: &str| std::fs::read_to_string(repo::file(path)).context(path.to_owned());
        let (sign_in, users) = (text(SIGN_IN)?, text(USERS)?);
        let mut file: SignInFile = toml::from_str(&sign_in).context(SIGN_IN)?;
        let provider = file.providers.remove(COMPANY).context(SIGN_IN)?;
        let users: BTreeMap<String, CompanyUser> = serde_json::from_str(&users).context(USERS)?;
        let people = users.into_values().map(|user| {
            let groups = user.groups.iter();
            let given = groups.filter_map(|group| provider.groups.get(group));
            Person {
                groups: given.flatten().cloned().collect(),
                email: user.email,
            }
        });
        let mut people: Vec<Person> = people.collect();
        people.sort_by_key(|person| person.groups.is_empty());
        let (name, table) = file.machine_clients.pop_first().context(SIGN_IN)?;
        let (client_id, client_secret) = machine_client(cloud_url, outputs, &name).await?;
        let mut groups = table.roles;
        groups.push(format!("tenant:{}", table.tenant));
        Ok(Self {
            label: provider.label,
            people,
            program: ProgramSignIn {
                name,
                groups,
                client_id,
                client_secret,
            },
        })
    }
}

/// A machine client's id and secret, as an operator finds them (docs/deploy.md).
pub(crate) async fn machine_client(
    cloud_url: &str,
    outputs: &Outputs,
    name: &str,
) -> Result<(String, String)> {
    let pools = UserPools::new(cloud_url);
    let pool = &outputs.user_pool_id;
    let asked = json!({"UserPoolId": pool, "MaxResults": 60});
    let listed = pools.call("ListUserPoolClients", asked).await?;
    let wanted = format!("machine-{name}");
    let clients = listed["UserPoolClients"].as_array().into_iter().flatten();
    let id = clients
        .filter(|client| client["ClientName"] == wanted.as_str())
        .find_map(|client| client["ClientId"].as_str())
        .with_context(|| format!("there is no client {wanted}"))?;
    let asked = json!({"UserPoolId": pool, "ClientId": id});
    let described = pools.call("DescribeUserPoolClient", asked).await?;
    let secret = described["UserPoolClient"]["ClientSecret"]
        .as_str()
        .with_context(|| format!("client {wanted} has no secret"))?;
    Ok((id.to_owned(), secret.to_owned()))
}
