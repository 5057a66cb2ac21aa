//! The product's ports over the simulated cloud.

mod api;
mod call;
mod digests;
mod functions;
mod instances;
mod reconciler;
mod webhooks;

pub(crate) use call::Ports;
