//! A stack in which companies sign users in, and programs sign in by themselves.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::deploy::{AwsCli, CompanyParameters};

/// The client of Docket at every provider, and its secret (`tests/company/provider.mjs`).
const CLIENT: &str = r#"{"client_id": "docket", "client_secret": "secret-of-the-tests"}"#;

/// Who signs in other than with a password.
#[derive(Clone, Debug)]
pub struct Companies {
    /// A file like `infra/sign-in.toml`. Its issuers are on this machine.
    pub sign_in: PathBuf,
    /// The page's origin, to which users may return; `None` for those of the command line only.
    pub page_origin: Option<String>,
}

/// Writes the template for a file of companies to `folder`, and stores the secrets that it refers to.
pub(crate) async fn prepare(
    cli: &AwsCli<'_>,
    companies: &Companies,
    folder: &Path,
) -> Result<CompanyParameters> {
    let file = companies.sign_in.to_string_lossy();
    let text = cli
        .python(&["infra/generate.py", "--sign-in", &file])
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
    let template = folder.join("service.yaml");
    std::fs::write(&template, text).with_context(|| template.display().to_string())?;
    Ok(CompanyParameters {
        template,
        page_origin: companies.page_origin.clone(),
    })
}
