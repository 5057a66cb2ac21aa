//! Links the functions with GNU's linker. LLD, Rust's default here, keeps the exception tables of functions that it drops:
//! about a megabyte in every binary (`docs/adr/0006-release-profile.md`).

#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes values to a build script in environment variables"
)]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo:rustc-link-arg-bins=-fuse-ld=bfd");
    }
}
