//! The product's ports over the simulated cloud.

mod call;
mod functions;
mod reconciler;

pub(crate) use call::Ports;
