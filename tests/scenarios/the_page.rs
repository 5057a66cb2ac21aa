//! The page in a real browser, over the real functions: `web/e2e/stack.test.ts` drives it.

use std::path::Path;
use std::process::Stdio;

use devstack::Site;
use tokio::process::Command;

use crate::support::run_alone;

/// What the browser tests need that a machine for Rust may not have.
fn missing() -> Option<&'static str> {
    let web = devstack::file("web");
    if !web.join("node_modules").is_dir() || !web.join("dist/index.html").is_file() {
        return Some("the page is not built: needs Node, run make web");
    }
    let browser = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    (!Path::new(&browser).is_file())
        .then_some("there is no Chromium (CHROMIUM names another place)")
}

/// By itself: a browser and the functions want both cores.
#[test]
fn in_a_real_browser_is_what_the_table_says() {
    if let Some(missing) = missing() {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    run_alone(async |stack| {
        let site = Site::start(&stack.outputs, &stack.cloud.url).await.unwrap();
        let url = site.as_ref().map(|site| site.url.as_str()).unwrap();
        let tests = Command::new("node")
            .args(["scripts/run.mjs", "--test", "e2e", "stack.test"])
            .current_dir(devstack::file("web"))
            .env("PAGE_URL", url)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&tests.stdout);
        assert!(
            tests.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&tests.stderr)
        );
    });
}
