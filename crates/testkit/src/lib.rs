//! For tests only: every port in memory, and the conformance suite that the in-memory ports and the AWS adapters must pass.

pub mod conformance;
pub mod fixture;
pub mod key_value_map;
pub mod memory;
