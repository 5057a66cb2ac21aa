//! The folder of one running stack: `.docket/<name>` in the repository, with logs, temporary files, and a lock
//! that says that its owner lives. The lock ends with the process, however that ends, so no process id is ever guessed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::place;

const LOCK: &str = "lock";
/// Bytes that must fit, or there is no room.
const PROBE: usize = 16_000_000;

/// The folder of a running stack. Its files stay when it is dropped, for whoever wants to know why it failed;
/// the next start sweeps them away.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

/// What was found under a name.
#[derive(Debug)]
pub enum Taken {
    /// It is ours now.
    Ours(RunDir),
    /// Somebody else has it and is alive.
    Busy,
}

impl RunDir {
    /// A folder that nobody else has, after removing those whose owners are gone.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn unique(kind: &str) -> Result<Self> {
        scan();
        let name = format!("{kind}-{}", std::process::id());
        match Self::take(&name)? {
            Taken::Ours(dir) => Ok(dir),
            Taken::Busy => anyhow::bail!(
                "{} is in use by this very process",
                path_of(&name).display()
            ),
        }
    }

    /// The folder of that name, empty, if nobody alive has it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn take(name: &str) -> Result<Taken> {
        let path = path_of(name);
        let write = || format!("{} cannot be written", path.display());
        fs::create_dir_all(&path).with_context(write)?;
        let lock = File::create(path.join(LOCK)).with_context(write)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Taken::Busy),
            Err(TryLockError::Error(error)) => return Err(error).with_context(write),
        }
        clear(&path).with_context(write)?;
        fs::create_dir_all(path.join("tmp")).with_context(write)?;
        Ok(Taken::Ours(Self { path, _lock: lock }))
    }

    /// Whether somebody alive has the folder of that name.
    pub fn is_busy(name: &str) -> bool {
        File::open(path_of(name).join(LOCK))
            .is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether there is room for more in it. What runs here does not always say so when there is none.
    ///
    /// # Errors
    /// A file of 16 MB, about as much as the functions take, cannot be written.
    pub fn check_space(&self) -> Result<()> {
        check_space(&self.path)
    }

    /// Removes it with all that is in it.
    pub fn remove(self) {
        // What cannot be removed now is swept away by the next start.
        fs::remove_dir_all(&self.path).ok();
    }
}

/// [`RunDir::check_space`] of a folder that somebody else has.
pub(crate) fn check_space(folder: &Path) -> Result<()> {
    let probe = folder.join("space");
    let written = fs::write(&probe, vec![0; PROBE]);
    fs::remove_file(&probe).ok();
    written.with_context(|| format!("there is no room in {}", folder.display()))
}

/// The folder of a name, there or not.
pub(crate) fn path_of(name: &str) -> PathBuf {
    place::file(".docket").join(name)
}

/// Removes everything but the lock.
fn clear(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes the folders whose owners are gone. One that cannot be removed costs disk space and nothing else.
fn scan() {
    let Ok(entries) = fs::read_dir(place::file(".docket")) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Only what `unique` made: its names end in a process id.
        let numbered = name
            .to_str()
            .and_then(|name| name.rsplit_once('-'))
            .is_some_and(|(_, id)| id.parse::<u32>().is_ok());
        let free = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Removed by its owner, then written to once more by a process that was just ending.
            Err(_) => entry.metadata().is_ok_and(|meta| is_old(&meta)),
        };
        if numbered && free {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// Older than a minute: no longer about to get its lock.
fn is_old(meta: &fs::Metadata) -> bool {
    meta.modified()
        .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_and_is_free_when_that_is_gone() {
        let name = format!("unit-{}", std::process::id());
        let Taken::Ours(first) = RunDir::take(&name).unwrap() else {
            panic!("nobody can have it yet");
        };
        fs::write(first.file("left.log"), "x").unwrap();
        assert!(RunDir::is_busy(&name));
        assert!(matches!(RunDir::take(&name).unwrap(), Taken::Busy));

        drop(first);
        assert!(!RunDir::is_busy(&name));
        let Taken::Ours(second) = RunDir::take(&name).unwrap() else {
            panic!("its owner is gone");
        };
        assert!(!second.file("left.log").exists());
        let path = second.path().to_path_buf();
        second.remove();
        assert!(!path.exists());
    }
}
