//! Folds identical functions when the functions are linked: the AWS SDKs repeat themselves, and a zip should have 4 MiB
//! (`docs/adr/0006-release-profile.md`). Only where Rust links with LLD by itself; other linkers do not know the option.

#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes values to a build script in environment variables"
)]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
