//! What is around a tool: its run from options to exit status, and the commands that are not tools.

pub mod command;
pub mod doctor;
pub mod list;
pub mod narrow;
#[cfg(test)]
mod pages;
pub mod run;
pub mod signals;
pub mod tool;
