//! gethostlatency: latency of host name lookups.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cbpf_bpf::events::{cbpf_flag, gethostlatency_event};
use cbpf_common::elf::LOOKUPS;
use cbpf_common::engine::Plan;
use cbpf_common::functions;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Mark, Row, until_nul};

use crate::cli::run::{Context, Usage};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// The C library to watch, or a program that has it linked in [default: the one that the process given with -p
    /// uses, else this system's]
    #[arg(short, long, value_name = "PATH")]
    libc: Option<PathBuf>,
}

/// What a process calls: its C library, or its own executable when that is linked statically.
fn library_of(pid: u32) -> Result<File> {
    match functions::mapped(&pid.to_string(), functions::is_libc)? {
        Some(file) => Ok(file),
        None => functions::open(&Path::new("/proc").join(pid.to_string()).join("exe")),
    }
}

impl tool::Tool for Tool {
    const NAME: &'static str = "gethostlatency";
    const ABOUT: &'static str = "Trace host name lookups by getaddrinfo and gethostbyname, and how long each took";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf gethostlatency", "every lookup of your processes"),
        ("cbpf gethostlatency -p 1216", "those of one process, whichever C library it uses"),
        ("cbpf gethostlatency -- curl -s https://example.org", "what this program looks up"),
    ];

    fn plan(&self, shared: &Shared, plan: &mut Plan) -> Result<()> {
        let files = match &self.libc {
            Some(path) => vec![functions::open(path).map_err(|e| Usage(format!("--libc: {e:#}")))?],
            None if shared.pids.is_empty() => functions::own_libcs()?,
            None => shared
                .pids
                .iter()
                .map(|pid| library_of(*pid).with_context(|| format!("the C library of process {pid}")))
                .collect::<Result<_>>()?,
        };
        let mut seen = Vec::new();
        let mut fault = None;
        for file in files {
            let status = file.metadata()?;
            if seen.contains(&(status.dev(), status.ino())) {
                continue;
            }
            match functions::find(file, &LOOKUPS) {
                Ok(Some(found)) => {
                    plan.at(found);
                    seen.push((status.dev(), status.ino()));
                }
                Ok(None) => {}
                Err(e) => fault = Some(e),
            }
        }
        if seen.is_empty() {
            let why = fault.map_or_else(|| format!("none of {} is in it", LOOKUPS.join(", ")), |e| format!("{e:#}"));
            return Err(Usage(format!("no C library to watch ({why}); name one with --libc PATH")).into());
        }
        Ok(())
    }
}

impl Stream for Tool {
    type Event = gethostlatency_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8),
            Column::right("PID", "pid", 7),
            Column::left("COMM", "comm", 16),
            Column::right("LATms", "lat_ms", 10),
            Column::last("HOST", "host"),
        ]
    }

    fn row(&self, _: &Context, e: &gethostlatency_event, _: &[u8], row: &mut Row<'_>) {
        let mark = match e.head.flags {
            flags if flags & cbpf_flag::CBPF_FAULT.0 != 0 => Mark::Fault,
            flags if flags & cbpf_flag::CBPF_CUT.0 != 0 => Mark::Cut,
            _ => Mark::Whole,
        };
        row.u64(e.head.pid).text(until_nul(&e.head.comm)).float(e.ns as f64 / 1e6, 3);
        match e.named {
            0 => row.none(),
            _ => row.text_with(until_nul(&e.host), mark),
        };
    }
}

#[cfg(test)]
mod tests {
    use cbpf_bpf::events::cbpf_head;
    use cbpf_common::out::{Format, Out};

    use super::*;

    #[test]
    fn a_name_that_is_not_there_whole_is_marked() {
        let tool = Tool { libc: None };
        let columns = tool.columns();
        let show = |named, flags, host: &[u8], format| {
            let head = cbpf_head { pid: 7, flags, ..Default::default() };
            let mut e = gethostlatency_event { head, ns: 1_234_567, named, ..Default::default() };
            e.host[..host.len()].copy_from_slice(host);
            let mut out = Out::memory(format);
            out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e, &[], row)).unwrap();
            out.take()
        };
        let (cut, fault) = (cbpf_flag::CBPF_CUT.0, cbpf_flag::CBPF_FAULT.0);
        assert!(show(1, 0, b"example.org", Format::Text).ends_with("     1.235 example.org\n"));
        assert!(show(1, cut, &[b'x'; 79], Format::Text).ends_with("xxx\\...\n"));
        assert!(show(1, fault, b"", Format::Json).contains(r#""host":null,"host_fault":true}"#));
        assert!(show(0, 0, b"", Format::Json).contains(r#""lat_ms":1.234567,"host":null}"#));
    }
}
