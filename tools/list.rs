//! `cbpf list`: the tools there are.

use anyhow::Result;
use clap::{ArgMatches, Command};
use comfy_table::{Table, presets};

use crate::registry::TOOLS;
use crate::run::Status;

/// Its command line.
pub fn command() -> Command {
    Command::new("list").about("List the tools").version(env!("CARGO_PKG_VERSION"))
}

/// Prints the table.
pub fn run(_: &ArgMatches) -> Result<Status> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["TOOL", "SHOWS"]);
    table.add_rows(TOOLS.iter().map(|tool| [tool.name, tool.about]));
    let text = format!("{}\n", table.trim_fmt());
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
    Ok(0)
}
