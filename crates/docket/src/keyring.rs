//! The keyring of the operating system: Secret Service on Linux, Keychain on macOS. Libraries open it, in pure Rust.

use std::sync::mpsc;
use std::time::Duration;

use keyring_core::{Entry, Error};

use crate::config;

/// What the entries are filed under.
const SERVICE: &str = "docket";
/// A locked keyring asks its user. One that hangs must not hang a command.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyringError {
    /// There is no keyring here, or `DOCKET_KEYRING=off`.
    Absent,
    /// There is one, but it is locked or does not work.
    Broken(String),
}

pub(crate) fn read(account: &str) -> Result<Option<String>, KeyringError> {
    on_entry(account, |entry| match entry.get_password() {
        Ok(secret) => Ok(Some(secret)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    })
}

pub(crate) fn write(account: &str, secret: String) -> Result<(), KeyringError> {
    on_entry(account, move |entry| entry.set_password(&secret))
}

pub(crate) fn delete(account: &str) -> Result<(), KeyringError> {
    on_entry(account, |entry| match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error),
    })
}

/// Works on an entry in a thread of its own, whose end is not waited for.
fn on_entry<T: Send + 'static>(
    account: &str,
    work: impl FnOnce(&Entry) -> keyring_core::Result<T> + Send + 'static,
) -> Result<T, KeyringError> {
    if config::variable("DOCKET_KEYRING").as_deref() == Some("off") {
        return Err(KeyringError::Absent);
    }
    let account = account.to_owned();
    let (sender, done) = mpsc::channel();
    std::thread::spawn(move || {
        let result = open().and_then(|()| {
            let entry = Entry::new(SERVICE, &account);
            entry
                .and_then(|entry| work(&entry))
                .map_err(|error| KeyringError::Broken(error.to_string()))
        });
        sender.send(result).ok();
    });
    done.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
        let waited = format!("it did not answer within {} s", TIMEOUT.as_secs());
        Err(KeyringError::Broken(waited))
    })
}

/// Opens the keyring once.
fn open() -> Result<(), KeyringError> {
    if keyring_core::get_default_store().is_none() {
        #[cfg(target_os = "macos")]
        let store = apple_native_keyring_store::keychain::Store::new();
        #[cfg(not(target_os = "macos"))]
        let store = zbus_secret_service_keyring_store::Store::new();
        keyring_core::set_default_store(store.map_err(|_| KeyringError::Absent)?);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use keyring_core::mock;

    use super::*;

    /// A keyring in memory, which the tests of this program share.
    pub(crate) fn in_memory() {
        static OPENED: std::sync::Once = std::sync::Once::new();
        OPENED.call_once(|| keyring_core::set_default_store(mock::Store::new().unwrap()));
    }

    /// Lets the next use of an account fail.
    pub(crate) fn lock_once(account: &str) {
        let entry = Entry::new(SERVICE, account).unwrap();
        let credential = entry.as_any().downcast_ref::<mock::Cred>().unwrap();
        credential.set_error(Error::NoStorageAccess("the keyring is locked".into()));
    }

    #[test]
    fn keyring_keeps_one_secret_per_account() {
        in_memory();
        assert_eq!(read("one"), Ok(None));
        assert_eq!(delete("one"), Ok(()));
        write("one", "first".to_owned()).unwrap();
        write("one", "second".to_owned()).unwrap();
        assert_eq!(read("one"), Ok(Some("second".to_owned())));
        assert_eq!(read("another"), Ok(None));
        delete("one").unwrap();
        assert_eq!(read("one"), Ok(None));
    }

    #[test]
    fn locked_keyring_is_an_error_that_says_so() {
        in_memory();
        lock_once("locked");
        let Err(KeyringError::Broken(why)) = read("locked") else {
            panic!("it was read");
        };
        assert!(why.contains("the keyring is locked"), "{why}");
    }
}
