//! Observers of the simulated cloud: they check the guarantees of the service, and change nothing.

pub(crate) mod at_rest;
pub(crate) mod breakers;
pub(crate) mod deletions;
pub(crate) mod feed;
pub(crate) mod guarantees;
pub(crate) mod instances;
pub(crate) mod limits;
pub(crate) mod messages;
pub(crate) mod pages;
pub(crate) mod pauses;
pub(crate) mod plans;
pub(crate) mod requests;
pub(crate) mod uploads;
pub(crate) mod usage;
pub(crate) mod window;
pub(crate) mod writes;
