//! The environment, the clock and the directories for files. No other module reads them.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{CliError, Result};

/// The time in milliseconds since 1970 UTC.
pub(crate) fn now() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    let now = SystemTime::now();
    millis(now)
}

/// A time in milliseconds since 1970 UTC. Earlier times become 0.
pub(crate) fn millis(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}

/// An environment variable, if it is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    let value = std::env::var(name).ok();
    value.filter(|value| !value.is_empty())
}

/// The directory for the sign-in: `$XDG_CONFIG_HOME/docket`.
pub(crate) fn config_dir() -> Result<PathBuf> {
    xdg_dir("XDG_CONFIG_HOME", ".config")
}

/// The directory for unfinished uploads: `$XDG_STATE_HOME/docket`.
pub(crate) fn state_dir() -> Result<PathBuf> {
    xdg_dir("XDG_STATE_HOME", ".local/state")
}

/// Relative paths in the variable are ignored (XDG Base Directory Specification 0.8).
fn xdg_dir(name: &str, default: &str) -> Result<PathBuf> {
    let named = variable(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    match (named, variable("HOME")) {
        (Some(path), _) => Ok(path.join("docket")),
        (None, Some(home)) => Ok(Path::new(&home).join(default).join("docket")),
        (None, None) => Err(CliError::local(format!("neither {name} nor HOME is set"))),
    }
}

/// Writes a file atomically, readable only by its owner.
pub(crate) fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    // Two commands may write at the same time, so each writes to its own temporary file first.
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    // A file that a killed command left behind may have another mode.
    std::fs::remove_file(&temporary).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        std::fs::remove_file(&temporary).ok();
    }
    written
}

/// A random idempotency key.
pub(crate) fn random_key() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // The time differs from request to request as well.
        bytes = u128::from(now()).to_be_bytes();
    }
    jobs::id::hex(&bytes)
}

/// A random text of 256 bits in base64url.
pub(crate) fn random_secret() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| CliError::local(format!("no random numbers: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A random number from 0 to 1, for jitter.
pub(crate) fn random() -> f64 {
    // Without a random source, 0.5 is no worse than having no jitter.
    let number = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn private_file_is_readable_only_by_its_owner_and_replaced_completely() {
        let dir = std::env::temp_dir().join(format!("docket-config-{}", std::process::id()));
        let path = dir.join("a/b.json");
        write_private(&path, b"one, and long").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(std::fs::read_dir(dir.join("a")).unwrap().count(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
