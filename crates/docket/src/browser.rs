//! The browser of this machine.

use std::process::{Command, Stdio};

use crate::config::variable;

/// Whether this session has a screen on which a browser can open. Over SSH it usually has none.
pub(crate) fn has_display() -> bool {
    let variables = ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER"];
    cfg!(target_os = "macos") || variables.iter().any(|name| variable(name).is_some())
}

/// Whether a program was found that opens the address. What it prints is not shown.
pub(crate) fn open(url: &str) -> bool {
    let programs: &[&[&str]] = if cfg!(target_os = "macos") {
        &[&["open"]]
    } else if cfg!(windows) {
        &[&["rundll32", "url.dll,FileProtocolHandler"]]
    } else {
        &[&["xdg-open"], &["wslview"], &["gio", "open"]]
    };
    programs.iter().any(|program| {
        let [name, arguments @ ..] = program else {
            return false;
        };
        let mut command = Command::new(name);
        command
            .args(arguments)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().is_ok()
    })
}
