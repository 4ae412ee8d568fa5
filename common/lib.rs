//! What all of cbpf stands on, bottom to top: [`engine`] loads a tool's programs under an [`owner`] record that a
//! [`grant`] allows, [`ring`] reads their events, and a [`session`] is all that a tool's report sees of it.

pub mod client;
pub mod delta;
pub mod elf;
pub mod engine;
pub mod fds;
pub mod features;
pub mod grant;
mod kernel_types;
pub mod owner;
pub mod proc;
pub mod protocol;
pub mod ring;
pub mod say;
pub mod session;
pub mod token;
mod tracepoints;

#[cfg(feature = "report")]
pub mod functions;
#[cfg(feature = "report")]
pub mod options;
#[cfg(feature = "report")]
pub mod out;
#[cfg(feature = "report")]
pub mod symbols;
