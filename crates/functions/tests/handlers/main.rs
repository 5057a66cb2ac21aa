//! The real handlers over in-memory ports: what becomes of uploads, of notifications, and of open pages.

mod outcomes;
mod pages;
mod upload_trigger;
mod world;
