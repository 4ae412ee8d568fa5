//! `cbpf list`: the tools there are.

use anyhow::Result;
use clap::{ArgMatches, Command};
use comfy_table::{Table, presets};

use crate::cli::run::{self, Status};
use crate::registry::TOOLS;

/// Its command line.
pub fn command() -> Command {
    Command::new("list").about("List the tools").version(env!("CARGO_PKG_VERSION"))
}

/// Prints the table.
pub fn run(_: &ArgMatches) -> Result<Status> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["TOOL", "SHOWS"]);
    table.add_rows(TOOLS.iter().map(|tool| [tool.name, tool.about]));
    run::print(&format!("{}\n", table.trim_fmt()))
}
