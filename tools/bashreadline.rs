//! bashreadline: what is typed into interactive shells.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cbpf_bpf::events::bashreadline_event;
use cbpf_common::elf;
use cbpf_common::engine::Plan;
use cbpf_common::functions;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::cli::run::{Context, Usage, mark};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// The library that provides bash with readline, or a shell with another name [default: /bin/bash, or the libreadline.so
    /// that it is linked with]
    #[arg(short, long, value_name = "PATH")]
    shared: Option<PathBuf>,
}

const BASH: &str = "/bin/bash";

fn is_library(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"))
}

/// Every libreadline of this system.
fn libraries() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"] {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        found.extend(entries.filter(|e| e.file_name().to_string_lossy().starts_with("libreadline.so")).map(|e| e.path()));
    }
    found
}

/// Puts the program at the function by which this file returns lines; false if it has none.
fn watch(file: &File, plan: &mut Plan) -> Result<bool> {
    for function in elf::READLINE {
        if let Some(found) = functions::find(file.try_clone()?, &[function])? {
            plan.at(found);
            return Ok(true);
        }
    }
    Ok(false)
}

impl tool::Tool for Tool {
    const NAME: &'static str = "bashreadline";
    const ABOUT: &'static str = "Trace the command lines that you type into bash";
    const NOTES: &'static str = "Lines may hold what nobody else should read: whatever the scope, only those of your \
        own user are shown. Lines of scripts, and of shells that use another bash than this system's, are not.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf bashreadline", "every line that is typed into your shells"),
        ("cbpf bashreadline -s /opt/bash", "into those that run this bash"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        let candidates = match &self.shared {
            Some(path) => vec![path.clone()],
            None => [PathBuf::from(BASH)].into_iter().chain(libraries()).collect(),
        };
        let mut why = None;
        for path in candidates {
            match functions::open(&path).and_then(|file| watch(&file, plan)) {
                Ok(true) => {
                    plan.knob("bash_only", is_library(&path));
                    return Ok(());
                }
                Ok(false) => why = why.or_else(|| Some(format!("there is no readline in {}", path.display()))),
                Err(e) => why = why.or_else(|| Some(format!("{}: {e:#}", path.display()))),
            }
        }
        let why = why.context("nothing to look at")?;
        Err(Usage(format!("{why}; name the file that contains it with --shared PATH")).into())
    }
}

impl Stream for Tool {
    type Event = bashreadline_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 9),
            Column::left("PID", "pid", 7),
            Column::left("COMM", "comm", 16).when(false),
            Column::last("COMMAND", "command"),
        ]
    }

    fn row(&self, _: &Context, e: &bashreadline_event, tail: &[u8], row: &mut Row<'_>) {
        row.u64(e.head.pid).text(until_nul(&e.head.comm)).text_with(until_nul(tail), mark(e.head.flags));
    }
}

#[cfg(test)]
mod tests {
    use cbpf_bpf::events::{cbpf_flag, cbpf_head};
    use cbpf_common::out::{Format, Out};

    use super::*;

    #[test]
    fn a_line_stands_as_it_was_typed() {
        let tool = Tool { shared: None };
        let show = |flags, line: &[u8], format| {
            let e = bashreadline_event { head: cbpf_head { pid: 7, flags, ..Default::default() } };
            let mut out = Out::memory(format);
            out.row("event", Some(0), &tool.columns(), |row| tool.row(&Context::test(), &e, line, row)).expect("memory");
            out.take()
        };
        assert!(show(0, b"ls -l  x\0", Format::Text).ends_with(" 7       ls -l  x\n"));
        assert!(show(0, b"\0", Format::Json).contains(r#""command":"""#));
        assert!(show(cbpf_flag::CBPF_CUT.0, b"ls\0", Format::Text).ends_with(" ls\\...\n"));
        assert!(show(cbpf_flag::CBPF_FAULT.0, b"", Format::Json).contains(r#""command":null,"command_fault":true}"#));
    }

    #[test]
    fn only_libraries_are_used_by_other_programs() {
        assert!(is_library(Path::new("/lib/libreadline.so.8")));
        assert!(!is_library(Path::new("/opt/my.sofa/bash")));
    }
}
