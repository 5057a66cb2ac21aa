//! For tests only: all ports in memory, and the conformance suite for every adapter of a port.

pub mod conformance;
pub mod fixture;
pub mod key_value_map;
pub mod memory;
