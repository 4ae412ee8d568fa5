//! `cbpf TOOL …`, or a link named after a tool.

#[macro_use]
mod registry;

mod cli;
mod shared;

macro_rules! modules {
    ($($tool:ident: $_how:ident,)*) => { $(mod $tool;)* };
}
tools!(modules);

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap::error::{ContextKind, ContextValue};

use cli::tool::Entry;
use cli::{doctor, list, run};
use registry::{ALIASES, TOOLS};

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if let Some(name) = args.first().and_then(|arg| linked_name(arg)) {
        // A link named `opensnoop` or `cbpf-opensnoop`: as if typed behind `cbpf`.
        args.splice(..1, ["cbpf".into(), name.into()]);
    }
    // Only the tool that is asked for is built: all the commands would cost the start-up more than the trace.
    let asked = args.get(1).and_then(|arg| arg.to_str()).and_then(find);
    let command = match asked {
        Some((name, entry)) => base().subcommand((entry.command)().name(name)),
        None => whole(),
    };
    let matches = match command.try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(mut e) => {
            // "to pass '-1' as a value, use '-- -1'": behind -- is COMMAND.
            e.remove(ContextKind::Suggested);
            let _ = match e.get(ContextKind::InvalidSubcommand) {
                Some(name) => writeln!(std::io::stderr(), "{}", no_such_tool(&name.to_string(), &e)),
                None => e.print(), // a closed pipe leaves nobody to tell
            };
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let Some((name, matches)) = matches.subcommand() else { return ExitCode::from(2) };
    match find(name) {
        Some((name, entry)) => run::exit(name, (entry.run)(name, matches)),
        None if name == "doctor" => run::exit("doctor", doctor::run(matches)),
        None => run::exit("list", list::run(matches)),
    }
}

fn no_such_tool(name: &str, e: &clap::Error) -> String {
    let like = match e.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(like)) => like.clone(),
        Some(ContextValue::Strings(like)) => like.join(" or "),
        _ => String::new(),
    };
    let like = if like.is_empty() { like } else { format!("do you mean {like}? ") };
    format!("cbpf: there is no tool {}; {like}`cbpf list` shows them all", name.escape_debug())
}

fn base() -> Command {
    Command::new("cbpf")
        .version(env!("CARGO_PKG_VERSION"))
        .about("See what your own tasks, sockets and I/O do: no root on the host, and nobody else's events")
        .after_help(
            "`cbpf TOOL --help` explains a tool. A link to cbpf named like a tool runs that tool.\n\
             Exit status: 0 done, 1 failure, 2 usage, 3 no permission to trace, 4 tool not available here,\n\
             5 events lost under --on-loss fail; with `-- COMMAND`, the command's own.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_value_name("TOOL")
        .subcommand_help_heading("Tools")
        .disable_help_subcommand(true)
}

/// The command line with every tool.
fn whole() -> Command {
    let tools = TOOLS.iter().fold(base(), |c, e| c.subcommand((e.command)()));
    tools.subcommand(list::command()).subcommand(doctor::command())
}

/// The tool of that name or alias.
fn find(name: &str) -> Option<(&'static str, &'static Entry)> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let target = alias.map_or(name, |(_, tool)| tool);
    let entry = TOOLS.iter().find(|entry| entry.name == target)?;
    Some((alias.map_or(entry.name, |(alias, _)| alias), entry))
}

fn linked_name(arg0: &OsString) -> Option<&'static str> {
    let name = Path::new(arg0).file_name()?.to_str()?;
    find(name.strip_prefix("cbpf-").unwrap_or(name)).map(|(name, _)| name)
}
