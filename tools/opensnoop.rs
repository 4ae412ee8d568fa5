//! opensnoop: files opened.

use anyhow::Result;
use cbpf_bpf::events::{cbpf_flag, opensnoop_event};
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Shared};
use cbpf_common::out::{Column, Mark, Row, until_nul};
use cbpf_common::symbols::{Name, UNKNOWN};

use crate::shared::path::Path;
use crate::cli::run::{Context, mark};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the flags and the mode of each open
    #[arg(short, long = "extended-fields")]
    extended_fields: bool,
    /// Only processes whose name contains this
    #[arg(short, long, value_name = "NAME", value_parser = options::comm)]
    name: Option<String>,
    /// Print the time
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Print the uid
    #[arg(short = 'U', long)]
    print_uid: bool,
    /// Only opens that failed
    #[arg(short = 'x', long)]
    failed: bool,
    /// Print the two functions that the open was called from
    #[arg(short = 'c', long)]
    callers: bool,
    /// Print the full path, as seen from the task's root directory
    #[arg(short = 'F', long)]
    full_path: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "opensnoop";
    const ABOUT: &'static str = "Trace file opens";
    const NOTES: &'static str = "Opens that io_uring does for a process are seen from Linux 6.0 on, when they are \
        complete, with the name of the thread that asked for them, and with the first 511 bytes of the path. They \
        have no callers, and those into a slot of the ring (direct descriptors) have no descriptor: FD is what \
        io_uring returned.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf opensnoop", "every file that your processes open"),
        ("cbpf opensnoop -x", "opens that fail: missing configuration, wrong permissions"),
        ("cbpf opensnoop -F -- make", "what `make` and its children open, with full paths"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("failed_only", self.failed)
            .knob("full_path", self.full_path)
            .knob("with_callers", self.callers)
            .knob("comm_part", self.name.as_deref().unwrap_or_default());
        Ok(())
    }
}

impl Stream for Tool {
    type Event = opensnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8).when(self.timestamp),
            Column::right("UID", "uid", 6).when(self.print_uid),
            Column::right("PID", "pid", 7),
            Column::left("COMM", "comm", 16),
            Column::right("FD", "fd", 3),
            Column::right("ERR", "err", 3),
            Column::right("FLAGS", "flags", 8).when(self.extended_fields),
            Column::left("MODE", "mode", 5).when(self.extended_fields),
            Column::left("PATH", "path", if self.callers { 40 } else { 0 }),
            Column::last("CALLERS", "callers").when(self.callers),
        ]
    }

    fn row(&self, context: &Context, e: &opensnoop_event, tail: &[u8], row: &mut Row<'_>) {
        row.opt_u64(context.uid(e.head.uid))
            .u64(e.head.pid)
            .text(until_nul(&e.head.comm));
        if e.ret >= 0 && !has_descriptor(e) {
            row.none();
        } else {
            row.i64(e.ret.max(-1));
        }
        row.u64(e.ret.min(0).unsigned_abs())
            .oct(e.flags, 8)
            .oct(e.mode, 4);
        match path_of(e, tail) {
            Some((path, mark)) => row.pieces(path.pieces(), mark),
            None => row.none(),
        };
        if self.callers {
            let calls = e.callers.iter().filter(|ip| **ip != 0);
            let names: Vec<Name> =
                calls.map(|ip| context.symbols.caller(e.head.pid, *ip).unwrap_or_else(|| UNKNOWN.into())).collect();
            row.list(names.iter().map(|name| name.as_bytes()), true, Mark::Whole);
        } else {
            row.none();
        }
    }
}

/// Did the open lead to a descriptor, and not to a place in a ring's own table?
fn has_descriptor(e: &opensnoop_event) -> bool {
    e.ret >= 0 && e.head.flags & cbpf_flag::CBPF_SLOT.0 == 0
}

/// What was opened: the file's own path where the kernel walked it, or else the name as it was passed, behind the
/// directory that a relative one starts from. `None` for an open by handle, which passes no name.
fn path_of<'a>(e: &opensnoop_event, tail: &'a [u8]) -> Option<(Path<'a>, Mark)> {
    let (name, walked) = tail.split_at_checked(e.name_len.into())?;
    let name = name.strip_suffix(b"\0").unwrap_or(name);
    let passed = mark(e.head.flags);
    match walked.get(..e.dir_len.into()).and_then(Path::walked) {
        Some((path, mark)) if has_descriptor(e) && !path.is_empty() => Some((path, mark)),
        _ if e.name_len == 0 && passed == Mark::Whole => None,
        Some((dir, mark)) if !has_descriptor(e) && passed != Mark::Fault && !name.starts_with(b"/") => {
            Some((dir.join(name), if passed == Mark::Whole { mark } else { passed }))
        }
        _ => Some((Path::passed(name), passed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;
    use crate::shared::path;
    use cbpf_common::out::{Format, Out};

    fn event(ret: i32, name: &[u8], walked: &[u8]) -> (opensnoop_event, Vec<u8>) {
        let mut e = opensnoop_event { ret, ..Default::default() };
        (e.name_len, e.dir_len) = (name.len() as u16, walked.len() as u16);
        e.head.pid = 7;
        e.head.comm[..2].copy_from_slice(b"sh");
        (e, [name, walked].concat())
    }

    fn shown(ret: i32, name: &[u8], walked: &[u8]) -> Option<(String, Mark)> {
        let (e, tail) = event(ret, name, walked);
        path_of(&e, &tail).map(|(path, mark)| (path::text(path), mark))
    }

    fn whole(path: &str) -> Option<(String, Mark)> {
        Some((path.into(), Mark::Whole))
    }

    #[test]
    fn an_opened_file_has_its_own_path() {
        assert_eq!(shown(3, b"../a\0", b""), whole("../a"));
        assert_eq!(shown(3, b"../a\0", b"a\0home\0r"), whole("/home/a"));
        assert_eq!(shown(3, b".\0", b"r"), whole("/"));
        assert_eq!(shown(3, b"", b"a\0r"), whole("/a"), "by handle");
        assert_eq!(shown(3, b"/proc/self/fd/9\0", b"l"), whole("/proc/self/fd/9"), "a pipe");
    }

    #[test]
    fn what_is_not_there_has_the_directory_that_its_name_starts_from() {
        assert_eq!(shown(-2, b"x y\0", b"u\0home\0r"), whole("/home/u/x y"));
        assert_eq!(shown(-2, b"x\0", b"r"), whole("/x"));
        assert_eq!(shown(-2, b"/x\0", b"u\0home\0r"), whole("/x"));
        assert_eq!(shown(-2, b"", b"u\0r"), None, "by handle");
    }

    #[test]
    fn what_has_no_descriptor_has_the_directory_too() {
        let (mut e, tail) = event(0, b"x\0", b"etc\0r");
        e.head.flags = cbpf_flag::CBPF_SLOT.0;
        assert_eq!(path_of(&e, &tail).map(|(path, mark)| (path::text(path), mark)), whole("/etc/x"));
    }

    #[test]
    fn a_path_that_ends_above_what_is_known_is_marked() {
        assert_eq!(shown(3, b"a\0", b"a\0b\0l"), Some(("b/a".into(), Mark::Cut)));
        assert_eq!(shown(-2, b"x\0", b"a\0b\0d"), Some(("b/a/x".into(), Mark::Cut)));
        assert_eq!(shown(-2, b"x\0", b"l"), Some(("x".into(), Mark::Cut)), "from a deleted directory");
        let (mut e, tail) = event(-14, b"", b"u\0r");
        e.head.flags = cbpf_flag::CBPF_FAULT.0;
        assert_eq!(path_of(&e, &tail).map(|(_, mark)| mark), Some(Mark::Fault));
    }

    #[test]
    fn callers_stand_behind_the_path() {
        let row = |args: &[&str], format| {
            let tool: Tool = parsed(args).expect("options");
            let (mut e, tail) = event(3, b"/a\0", b"");
            (e.head.pid, e.callers[0]) = (u32::MAX / 2, 4096);
            let mut out = Out::memory(format);
            let columns = tool.columns();
            out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e, &tail, row)).expect("memory");
            out.take()
        };
        assert!(row(&["-c"], Format::Text).ends_with(&format!("{:40} \"[unknown]\"\n", "/a")));
        assert!(row(&["-c"], Format::Json).contains(r#""path":"/a","callers":["[unknown]"]"#));
        assert!(row(&[], Format::Text).ends_with(" /a\n"));
        assert!(row(&[], Format::Json).contains(r#""callers":null"#));
    }
}
