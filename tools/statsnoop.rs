//! statsnoop: calls of the stat family.

use anyhow::Result;
use cbpf_bpf::events::{cbpf_flag, statsnoop_event};
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Mark, Row, until_nul};
use syscall_numbers::{x86, x86_64};

use crate::shared::path::Path;
use crate::cli::run::{Context, mark};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the seconds since the start
    #[arg(short, long)]
    timestamp: bool,
    /// Only calls that failed
    #[arg(short = 'x', long)]
    failed: bool,
    /// Print the name of the system call
    #[arg(short, long)]
    sysname: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "statsnoop";
    const ABOUT: &'static str = "Trace stat, statfs and related calls";
    const NOTES: &'static str = "A relative name is shown after the directory that it is relative to. For calls by \
        descriptor PATH is the open file, and - if that has no path, such as a pipe. A statx that io_uring does for a \
        process is seen from Linux 6.0 on, when it is complete, with the first 511 bytes of the path.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf statsnoop", "every file that your processes ask about"),
        ("cbpf statsnoop -x", "files that are looked for and not found"),
        ("cbpf statsnoop -s -- git status", "what `git status` asks, and by which system calls"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("failed_only", self.failed);
        Ok(())
    }
}

impl Stream for Tool {
    type Event = statsnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::since("TIME(s)", 14, 9).when(self.timestamp),
            Column::left("PID", "pid", 7),
            Column::left("COMM", "comm", 20),
            Column::left("RET", "ret", 4),
            Column::left("ERR", "err", 4),
            Column::left("SYSCALL", "syscall", 10).when(self.sysname),
            Column::last("PATH", "path"),
        ]
    }

    fn row(&self, _: &Context, e: &statsnoop_event, tail: &[u8], row: &mut Row<'_>) {
        let nr = e.nr.into();
        let name = if e.compat == 0 { x86_64::sys_call_name(nr) } else { x86::sys_call_name(nr) };
        row.u64(e.head.pid)
            .text(until_nul(&e.head.comm))
            .i64(e.ret.max(-1))
            .u64(e.ret.min(0).unsigned_abs())
            .text(name.unwrap_or("[unknown]"));
        match path_of(e, tail) {
            Some((path, mark)) => row.pieces(path.pieces(), mark),
            None => row.none(),
        };
    }
}

/// What the call asked about: the name as it was passed, behind the directory that a relative one starts from, or the
/// path of the descriptor. `None` for a descriptor whose file has no path.
fn path_of<'a>(e: &statsnoop_event, tail: &'a [u8]) -> Option<(Path<'a>, Mark)> {
    let (name, walked) = tail.split_at_checked(e.name_len.into())?;
    let name = name.strip_suffix(b"\0").unwrap_or(name);
    let passed = mark(e.head.flags);
    match walked.get(..e.dir_len.into()).and_then(Path::walked) {
        Some((dir, _)) if name.is_empty() && dir.is_empty() => None,
        Some((dir, mark)) => Some((dir.join(name), if passed == Mark::Whole { mark } else { passed })),
        None if e.name_len == 0 && e.head.flags & cbpf_flag::CBPF_FAULT.0 == 0 => None,
        None => Some((Path::passed(name), passed)),
    }
}

#[cfg(test)]
mod tests {
    use cbpf_common::out::{Format, Out};

    use super::*;
    use crate::shared::path;

    fn event(name: &[u8], walked: &[u8]) -> (statsnoop_event, Vec<u8>) {
        let mut e = statsnoop_event { nr: 262, ..Default::default() };
        (e.name_len, e.dir_len) = (name.len() as u16, walked.len() as u16);
        e.head.pid = 7;
        e.head.comm[..2].copy_from_slice(b"ls");
        (e, [name, walked].concat())
    }

    fn shown(name: &[u8], walked: &[u8]) -> Option<(String, Mark)> {
        let (e, tail) = event(name, walked);
        path_of(&e, &tail).map(|(path, mark)| (path::text(path), mark))
    }

    #[test]
    fn a_relative_name_stands_behind_its_directory() {
        let whole = |path: &str| Some((path.to_owned(), Mark::Whole));
        assert_eq!(shown(b"/a\0", b""), whole("/a"));
        assert_eq!(shown(b"a b\0", b"u\0home\0r"), whole("/home/u/a b"));
        assert_eq!(shown(b"a\0", b"r"), whole("/a"));
        assert_eq!(shown(b"a\0", b""), whole("a"), "from a descriptor that is not open");
        assert_eq!(shown(b"\0", b""), whole(""), "which is no file");
        assert_eq!(shown(b"\0", b"u\0home\0r"), whole("/home/u"), "AT_EMPTY_PATH");
        assert_eq!(shown(b"a\0", b"u\0home\0d"), Some(("home/u/a".into(), Mark::Cut)));
        assert_eq!(shown(b"a\0", b"l"), Some(("a".into(), Mark::Cut)), "from a deleted directory");
    }

    #[test]
    fn a_descriptor_has_the_path_of_its_file_if_that_has_one() {
        assert_eq!(shown(b"", b"a\0r"), Some(("/a".into(), Mark::Whole)));
        assert_eq!(shown(b"", b"l"), None, "a pipe");
        assert_eq!(shown(b"", b""), None, "not open");
        let (mut e, tail) = event(b"", b"");
        e.head.flags = cbpf_flag::CBPF_FAULT.0;
        assert_eq!(path_of(&e, &tail).map(|(_, mark)| mark), Some(Mark::Fault));
    }

    #[test]
    fn the_call_has_the_name_that_its_program_knows() {
        let row = |nr, compat, ret, format| {
            let tool = Tool { timestamp: false, failed: false, sysname: true };
            let (mut e, tail) = event(b"/x\0", b"");
            (e.nr, e.compat, e.ret) = (nr, compat, ret);
            let mut out = Out::memory(format);
            out.row("event", Some(0), &tool.columns(), |row| tool.row(&Context::test(), &e, &tail, row)).expect("memory");
            out.take()
        };
        assert_eq!(row(262, 0, -2, Format::Text), "7       ls                   -1   2    newfstatat /x\n");
        assert_eq!(row(300, 1, 0, Format::Text), "7       ls                   0    0    fstatat64  /x\n");
        assert!(row(4, 0, -13, Format::Json).contains(r#""ret":-1,"err":13,"syscall":"stat","path":"/x"}"#));
    }
}
