//! Paths in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The repository from which this program was built.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// A file of the repository.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// The Python of the repository's virtual environment.
///
/// # Errors
/// The environment does not exist.
pub fn venv_python() -> Result<PathBuf> {
    let python = file(".venv/bin/python");
    if !python.is_file() {
        bail!("{} does not exist; run `make venv`", python.display());
    }
    Ok(python)
}
