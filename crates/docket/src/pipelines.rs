//! The pipelines that commands without a service use.

use std::path::Path;

use jobs::pipeline::{Pipeline, Pipelines};

use crate::error::{CliError, Result};

/// The pipelines that this program was built with.
const BUILT_IN: &str = include_str!("../../../infra/pipelines.toml");

/// The pipeline of a name, from a file or from those built in.
pub(crate) fn read_pipeline(file: Option<&Path>, name: &str) -> Result<Pipeline> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| CliError::usage(format!("cannot read {}: {error}", path.display())))?,
        None => BUILT_IN.to_owned(),
    };
    let pipelines = Pipelines::parse(&text).map_err(|error| CliError::usage(error.to_string()))?;
    pipelines.get(name).cloned().ok_or_else(|| {
        let names: Vec<_> = pipelines.iter().map(|one| one.name.as_str()).collect();
        CliError::usage(format!("there is no pipeline `{name}`"))
            .with_hint(format!("use --pipeline with one of {}", names.join(", ")))
    })
}
