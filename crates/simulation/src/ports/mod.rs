//! The product's ports over the simulated cloud.

mod api;
mod call;
mod functions;
mod instances;
mod reconciler;

pub(crate) use call::Ports;
