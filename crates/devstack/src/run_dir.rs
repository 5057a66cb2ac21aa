//! The run directory of a stack: `.docket/<name>` in the repository, with logs, temporary files and a lock file.
//! The process that uses the directory holds the lock. The operating system releases it when the process ends, so a
//! stale directory is recognized without relying on process ids.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repo;

/// The name of the directory of the stack in the background.
pub(crate) const BACKGROUND: &str = "up";
const LOCK: &str = "lock";
/// About as much as the functions take.
const REQUIRED_FREE_BYTES: usize = 16_000_000;

/// The run directory of a stack. Its files stay when it is dropped, so that the logs of a failure can be read; the
/// next start removes them.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

/// The result of [`RunDir::acquire`].
#[derive(Debug)]
pub enum Acquired {
    Owned(RunDir),
    /// Another process holds the lock.
    InUse,
}

impl RunDir {
    /// Creates a directory for this process, after removing stale ones.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn create_unique(kind: &str) -> Result<Self> {
        remove_stale_run_dirs()?;
        let name = format!("{kind}-{}", std::process::id());
        match Self::acquire(&name)? {
            Acquired::Owned(dir) => Ok(dir),
            Acquired::InUse => anyhow::bail!(
                "{} is already in use by this process",
                path_of(&name).display()
            ),
        }
    }

    /// Takes the directory of that name and empties it, unless another process uses it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn acquire(name: &str) -> Result<Acquired> {
        let path = path_of(name);
        let write = || format!("cannot write {}", path.display());
        let _start = StartLock::wait()?;
        fs::create_dir_all(&path).with_context(write)?;
        let lock = File::create(path.join(LOCK)).with_context(write)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Acquired::InUse),
            Err(TryLockError::Error(error)) => return Err(error).with_context(write),
        }
        clear(&path).with_context(write)?;
        fs::create_dir_all(path.join("tmp")).with_context(write)?;
        Ok(Acquired::Owned(Self { path, _lock: lock }))
    }

    /// Whether a running process uses the directory of that name.
    pub fn is_in_use(name: &str) -> bool {
        File::open(path_of(name).join(LOCK))
            .is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Checks that the disk has free space: not all programs of the stack report a full disk.
    ///
    /// # Errors
    /// A file of 16 MB cannot be written.
    pub fn check_space(&self) -> Result<()> {
        check_space(&self.path)
    }

    pub fn remove(self) {
        // The next start removes what cannot be removed now.
        fs::remove_dir_all(&self.path).ok();
    }
}

/// Held while run directories are created and removed. Without it, a start could remove the directory that another one
/// has created and not locked yet.
struct StartLock {
    _file: File,
}

impl StartLock {
    fn wait() -> Result<Self> {
        let path = path_of("start.lock");
        let write = || format!("cannot write {}", path.display());
        fs::create_dir_all(repo::file(".docket")).with_context(write)?;
        let file = File::create(&path).with_context(write)?;
        file.lock().with_context(write)?;
        Ok(Self { _file: file })
    }
}

/// Like [`RunDir::check_space`], for any directory.
pub(crate) fn check_space(dir: &Path) -> Result<()> {
    let probe = dir.join("space");
    let written = fs::write(&probe, vec![0; REQUIRED_FREE_BYTES]);
    fs::remove_file(&probe).ok();
    written.with_context(|| format!("no space left in {}", dir.display()))
}

/// The path of the directory of that name, whether it exists or not.
pub(crate) fn path_of(name: &str) -> PathBuf {
    repo::file(".docket").join(name)
}

/// Removes everything except the lock file.
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

/// Removes the directories of processes that have ended. A directory that cannot be removed only costs disk space.
fn remove_stale_run_dirs() -> Result<()> {
    let _start = StartLock::wait()?;
    let Ok(entries) = fs::read_dir(repo::file(".docket")) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Only directories of `create_unique`, whose names end with a process id.
        let is_unique_name = name
            .to_str()
            .and_then(|name| name.rsplit_once('-'))
            .is_some_and(|(_, id)| id.parse::<u32>().is_ok());
        let is_unused = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            // Its owner removed it, and then a process that was ending wrote to it again.
            Err(_) => true,
        };
        if is_unique_name && is_unused {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_dir_has_one_owner_and_is_free_after_the_owner_has_ended() {
        let name = format!("unit-{}", std::process::id());
        let Acquired::Owned(first) = RunDir::acquire(&name).unwrap() else {
            panic!("the directory is new");
        };
        fs::write(first.file("left.log"), "x").unwrap();
        assert!(RunDir::is_in_use(&name));
        assert!(matches!(RunDir::acquire(&name).unwrap(), Acquired::InUse));

        drop(first);
        assert!(!RunDir::is_in_use(&name));
        let Acquired::Owned(second) = RunDir::acquire(&name).unwrap() else {
            panic!("the owner has ended");
        };
        assert!(!second.file("left.log").exists());
        let path = second.path().to_path_buf();
        second.remove();
        assert!(!path.exists());
    }

    #[test]
    fn start_does_not_remove_the_directory_that_another_start_is_creating() {
        let first = std::process::id();
        std::thread::scope(|scope| {
            let creating = scope.spawn(|| {
                for id in first..first + 500 {
                    let Acquired::Owned(dir) = RunDir::acquire(&format!("race-{id}")).unwrap()
                    else {
                        panic!("the directory is new");
                    };
                    assert!(dir.file("tmp").exists());
                    dir.remove();
                }
            });
            while !creating.is_finished() {
                remove_stale_run_dirs().unwrap();
            }
        });
    }
}
