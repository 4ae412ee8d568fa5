//! mountsnoop: what is mounted, unmounted and moved.

use std::fmt;
use std::io::Write as _;

use anyhow::Result;
use cbpf_bpf::events::{mountsnoop_event, mountsnoop_op};
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Mark, Row, until_nul};
use nix::errno::Errno;

use crate::cli::run::{Context, mark};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time
    #[arg(short = 't', long)]
    timestamp: bool,
    /// Print a block of lines for each call instead of one line, and how long the call took
    #[arg(short, long)]
    detailed: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "mountsnoop";
    const ABOUT: &'static str = "Trace mount, umount, pivot_root and the calls of the new mount interface";
    const NOTES: &'static str = "The options of a mount may contain a password, and are shown.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf mountsnoop", "every mount and unmount that your processes ask for"),
        ("cbpf mountsnoop -d", "the same with one argument per line"),
        ("cbpf mountsnoop -- unshare -rm mount -t tmpfs x /mnt", "what a command mounts"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("with_latency", self.detailed);
        Ok(())
    }
}

/// What an argument means; each is a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Fs,
    Source,
    Target,
    Data,
    Flags,
    Fd,
    ToFd,
    Cmd,
    Name,
    Value,
    Aux,
    Attrs,
}

/// The columns, in their order.
const KEYS: [(Key, &str, &str); 12] = [
    (Key::Fs, "FS", "fs"),
    (Key::Source, "SOURCE", "source"),
    (Key::Target, "TARGET", "target"),
    (Key::Data, "DATA", "data"),
    (Key::Flags, "FLAGS", "flags"),
    (Key::Fd, "FD", "fd"),
    (Key::ToFd, "TO_FD", "to_fd"),
    (Key::Cmd, "CMD", "cmd"),
    (Key::Name, "KEY", "key"),
    (Key::Value, "VALUE", "value"),
    (Key::Aux, "AUX", "aux"),
    (Key::Attrs, "ATTRS", "attrs"),
];

/// A bit that has a name, at its place among the others.
type Names = &'static [(u64, &'static str)];

/// A system call: its name, what its arguments are, in their order, and its flags.
struct Call(&'static str, &'static [Key], Names);

const AT: Names = &[
    (0x100, "AT_SYMLINK_NOFOLLOW"),
    (0x800, "AT_NO_AUTOMOUNT"),
    (0x1000, "AT_EMPTY_PATH"),
    (0x8000, "AT_RECURSIVE"),
    (1, "OPEN_TREE_CLONE"),
    (0x80000, "OPEN_TREE_CLOEXEC"),
];
const ATTRS: Names = &[
    (1, "MOUNT_ATTR_RDONLY"),
    (2, "MOUNT_ATTR_NOSUID"),
    (4, "MOUNT_ATTR_NODEV"),
    (8, "MOUNT_ATTR_NOEXEC"),
    (0x10, "MOUNT_ATTR_NOATIME"),
    (0x20, "MOUNT_ATTR_STRICTATIME"),
    (0x80, "MOUNT_ATTR_NODIRATIME"),
    (0x10_0000, "MOUNT_ATTR_IDMAP"),
    (0x20_0000, "MOUNT_ATTR_NOSYMFOLLOW"),
];
const MS: Names = &[
    (1, "MS_RDONLY"),
    (2, "MS_NOSUID"),
    (4, "MS_NODEV"),
    (8, "MS_NOEXEC"),
    (0x10, "MS_SYNCHRONOUS"),
    (0x20, "MS_REMOUNT"),
    (0x40, "MS_MANDLOCK"),
    (0x80, "MS_DIRSYNC"),
    (0x100, "MS_NOSYMFOLLOW"),
    (0x400, "MS_NOATIME"),
    (0x800, "MS_NODIRATIME"),
    (0x1000, "MS_BIND"),
    (0x2000, "MS_MOVE"),
    (0x4000, "MS_REC"),
    (0x8000, "MS_SILENT"),
    (0x1_0000, "MS_POSIXACL"),
    (0x2_0000, "MS_UNBINDABLE"),
    (0x4_0000, "MS_PRIVATE"),
    (0x8_0000, "MS_SLAVE"),
    (0x10_0000, "MS_SHARED"),
    (0x20_0000, "MS_RELATIME"),
    (0x40_0000, "MS_KERNMOUNT"),
    (0x80_0000, "MS_I_VERSION"),
    (0x100_0000, "MS_STRICTATIME"),
    (0x200_0000, "MS_LAZYTIME"),
];
const UMOUNT: Names = &[(1, "MNT_FORCE"), (2, "MNT_DETACH"), (4, "MNT_EXPIRE"), (8, "UMOUNT_NOFOLLOW")];
const MOVE: Names = &[
    (1, "MOVE_MOUNT_F_SYMLINKS"),
    (2, "MOVE_MOUNT_F_AUTOMOUNTS"),
    (4, "MOVE_MOUNT_F_EMPTY_PATH"),
    (0x10, "MOVE_MOUNT_T_SYMLINKS"),
    (0x20, "MOVE_MOUNT_T_AUTOMOUNTS"),
    (0x40, "MOVE_MOUNT_T_EMPTY_PATH"),
    (0x100, "MOVE_MOUNT_SET_GROUP"),
    (0x200, "MOVE_MOUNT_BENEATH"),
];
const PICK: Names = &[
    (1, "FSPICK_CLOEXEC"),
    (2, "FSPICK_SYMLINK_NOFOLLOW"),
    (4, "FSPICK_NO_AUTOMOUNT"),
    (8, "FSPICK_EMPTY_PATH"),
];
/// By number, from 0.
const COMMANDS: [&str; 9] = [
    "FSCONFIG_SET_FLAG",
    "FSCONFIG_SET_STRING",
    "FSCONFIG_SET_BINARY",
    "FSCONFIG_SET_PATH",
    "FSCONFIG_SET_PATH_EMPTY",
    "FSCONFIG_SET_FD",
    "FSCONFIG_CMD_CREATE",
    "FSCONFIG_CMD_RECONFIGURE",
    "FSCONFIG_CMD_CREATE_EXCL",
];

fn call(op: u32) -> Call {
    use Key::{Attrs, Aux, Cmd, Data, Fd, Flags, Fs, Name, Source, Target, ToFd, Value};
    use mountsnoop_op as op_;
    match mountsnoop_op(op) {
        op_::MOUNTSNOOP_MOUNT => Call("mount", &[Source, Target, Fs, Flags, Data], MS),
        op_::MOUNTSNOOP_UMOUNT => Call("umount", &[Target, Flags], UMOUNT),
        op_::MOUNTSNOOP_FSOPEN => Call("fsopen", &[Fs, Flags], &[(1, "FSOPEN_CLOEXEC")]),
        op_::MOUNTSNOOP_FSCONFIG => Call("fsconfig", &[Fd, Cmd, Name, Value, Aux], &[]),
        op_::MOUNTSNOOP_FSMOUNT => Call("fsmount", &[Fd, Flags, Attrs], &[(1, "FSMOUNT_CLOEXEC")]),
        op_::MOUNTSNOOP_MOVE_MOUNT => Call("move_mount", &[Fd, Source, ToFd, Target, Flags], MOVE),
        op_::MOUNTSNOOP_FSPICK => Call("fspick", &[Fd, Target, Flags], PICK),
        op_::MOUNTSNOOP_OPEN_TREE => Call("open_tree", &[Fd, Target, Flags], AT),
        op_::MOUNTSNOOP_MOUNT_SETATTR => Call("mount_setattr", &[Fd, Target, Flags, Attrs], AT),
        op_::MOUNTSNOOP_OPEN_TREE_ATTR => Call("open_tree_attr", &[Fd, Target, Flags, Attrs], AT),
        op_::MOUNTSNOOP_PIVOT_ROOT => Call("pivot_root", &[Source, Target], &[]),
        _ => Call("?", &[], &[]),
    }
}

/// The names of the bits that are set, and what is left as a number.
struct Bits(u64, Names);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut between) = (self.0, "");
        for (bit, name) in self.1.iter().filter(|(bit, _)| self.0 & bit != 0) {
            write!(f, "{between}{name}")?;
            (rest, between) = (rest & !bit, " | ");
        }
        if rest != 0 || between.is_empty() { write!(f, "{between}{rest:#x}") } else { Ok(()) }
    }
}

/// Argument `n` as a string, if one was passed.
fn string<'a>(e: &mountsnoop_event, tail: &'a [u8], n: usize) -> Option<(&'a [u8], Mark)> {
    let at: usize = e.lens[..n].iter().map(|len| usize::from(*len)).sum();
    let bytes = tail.get(at..at + usize::from(e.lens[n]))?;
    (e.args[n] != 0).then_some((bytes, mark(e.flags[n].into())))
}

fn is_string(key: Key) -> bool {
    matches!(key, Key::Fs | Key::Source | Key::Target | Key::Data | Key::Name | Key::Value)
}

/// Does an argument that is not a string stand there as it was passed? `None`: a NULL instead of a struct.
fn passed(e: &mountsnoop_event, key: Key, n: usize) -> Option<Mark> {
    if key != Key::Attrs || mountsnoop_op(e.op) == mountsnoop_op::MOUNTSNOOP_FSMOUNT {
        return Some(Mark::Whole);
    }
    (e.args[n] != 0).then(|| mark(e.flags[n].into()))
}

/// An argument that is not a string.
struct Number<'a> {
    e: &'a mountsnoop_event,
    key: Key,
    n: usize,
    names: Names,
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.e.args[self.n];
        match self.key {
            Key::Flags => Bits(value, self.names).fmt(f),
            Key::Attrs if mountsnoop_op(self.e.op) != mountsnoop_op::MOUNTSNOOP_FSMOUNT => {
                let [set, clear, propagation] = self.e.attr;
                let parts = [("set", set, ATTRS), ("clear", clear, ATTRS), ("propagation", propagation, MS)];
                let parts = parts.into_iter().filter(|(_, value, _)| *value != 0);
                for (i, (what, value, names)) in parts.enumerate() {
                    write!(f, "{}{what} {}", if i > 0 { ", " } else { "" }, Bits(value, names))?;
                }
                Ok(())
            }
            Key::Attrs => Bits(value, ATTRS).fmt(f),
            Key::Cmd => match COMMANDS.get(value as usize) {
                Some(name) => f.write_str(name),
                None => write!(f, "{value}"),
            },
            _ if value as i32 == libc::AT_FDCWD => f.write_str("AT_FDCWD"),
            _ => write!(f, "{}", value as i32),
        }
    }
}

fn result(ret: i32) -> String {
    match Errno::from_raw(ret.wrapping_neg()) {
        Errno::UnknownErrno => ret.to_string(),
        name => format!("-{name:?}"),
    }
}

/// The call as strace writes it.
fn text(e: &mountsnoop_event, tail: &[u8], Call(name, keys, names): &Call) -> Vec<u8> {
    let mut text = format!("{name}(").into_bytes();
    for (n, key) in keys.iter().enumerate() {
        if n > 0 {
            text.extend_from_slice(b", ");
        }
        if !is_string(*key) {
            match passed(e, *key, n) {
                None => text.extend_from_slice(b"NULL"),
                Some(Mark::Fault) => text.push(b'?'),
                Some(_) => _ = write!(text, "{}", Number { e, key: *key, n, names }), // memory
            }
            continue;
        }
        match string(e, tail, n) {
            None => text.extend_from_slice(b"NULL"),
            Some((_, Mark::Fault)) => text.push(b'?'),
            Some((bytes, mark)) => {
                text.push(b'"');
                for byte in bytes {
                    text.extend_from_slice(if *byte == b'"' { b"\\\"" } else { std::slice::from_ref(byte) });
                }
                text.extend_from_slice(if mark == Mark::Cut { b"\"..." } else { b"\"" });
            }
        }
    }
    text.extend_from_slice(format!(") = {}", result(e.ret)).as_bytes());
    text
}

impl Stream for Tool {
    type Event = mountsnoop_event;

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            Column::time("TIME", 8).when(self.timestamp),
            Column::left("COMM", "comm", 16),
            Column::left("PID", "pid", 7),
            Column::left("TID", "tid", 7),
            Column::left("MNT_NS", "mnt_ns", 11),
            Column::last("CALL", "call").when(!self.detailed),
            Column::left("OP", "op", 0).when(self.detailed),
            Column::left("RET", "ret", 0).when(self.detailed),
            Column::left("LAT(us)", "lat_us", 0).when(self.detailed),
        ];
        columns.extend(KEYS.map(|(_, name, key)| Column::left(name, key, 0).when(self.detailed)));
        columns
    }

    fn blocks(&self) -> bool {
        self.detailed
    }

    fn row(&self, _: &Context, e: &mountsnoop_event, tail: &[u8], row: &mut Row<'_>) {
        let call = call(e.op);
        row.text(until_nul(&e.head.comm)).u64(e.head.pid).u64(e.head.tid).u64(e.mnt_ns).text(text(e, tail, &call));
        row.text(call.0).i64(e.ret);
        if e.took > 0 {
            row.float(e.took as f64 / 1e3, 3);
        } else {
            row.none();
        }
        for (key, ..) in KEYS {
            let Some(n) = call.1.iter().position(|k| *k == key) else {
                row.none();
                continue;
            };
            match key {
                _ if is_string(key) => match string(e, tail, n) {
                    Some((bytes, mark)) => row.text_with(bytes, mark),
                    None => row.none(),
                },
                Key::Fd | Key::ToFd | Key::Aux => row.i64(e.args[n] as i32),
                _ => match passed(e, key, n) {
                    None => row.none(),
                    Some(Mark::Fault) => row.text_with(b"", Mark::Fault),
                    Some(_) => row.display(Number { e, key, n, names: call.2 }),
                },
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_bpf::events::cbpf_flag;
    use cbpf_common::out::{Format, Out};

    fn event(op: mountsnoop_op, args: [u64; 5], strings: [&str; 5], ret: i32) -> (mountsnoop_event, Vec<u8>) {
        let lens = strings.map(|s| s.len() as u16);
        let mut e = mountsnoop_event { op: op.0, args, lens, ret, mnt_ns: 9, took: 1_500, ..Default::default() };
        (e.head.pid, e.head.tid) = (7, 8);
        e.head.comm[..2].copy_from_slice(b"sh");
        (e, strings.concat().into_bytes())
    }

    fn mounted() -> (mountsnoop_event, Vec<u8>) {
        event(mountsnoop_op::MOUNTSNOOP_MOUNT, [1, 1, 0, 0x1001, 1], ["a\"b", "/mnt", "", "", "x=1"], -2)
    }

    #[test]
    fn a_call_reads_as_in_the_program() {
        let show = |(e, tail): (mountsnoop_event, Vec<u8>)| {
            String::from_utf8(text(&e, &tail, &call(e.op))).expect("text")
        };
        assert_eq!(show(mounted()), r#"mount("a\"b", "/mnt", NULL, MS_RDONLY | MS_BIND, "x=1") = -ENOENT"#);
        let at = -100i32 as u32;
        let moved = event(mountsnoop_op::MOUNTSNOOP_MOVE_MOUNT, [3, 1, at.into(), 1, 0x404], ["", "", "", "/t", ""], 0);
        assert_eq!(show(moved), r#"move_mount(3, "", AT_FDCWD, "/t", MOVE_MOUNT_F_EMPTY_PATH | 0x400) = 0"#);
        let (mut e, tail) = event(mountsnoop_op::MOUNTSNOOP_MOUNT_SETATTR, [3, 1, 0, 1, 32], ["", "p", "", "", ""], 0);
        (e.attr, e.flags[1]) = ([1, 0, 0x4_0000], cbpf_flag::CBPF_CUT.0 as u8);
        assert_eq!(
            show((e, tail)),
            r#"mount_setattr(3, "p"..., 0x0, set MOUNT_ATTR_RDONLY, propagation MS_PRIVATE) = 0"#
        );
        let op = mountsnoop_op::MOUNTSNOOP_OPEN_TREE_ATTR;
        let attr = |args| event(op, args, ["", "p", "", "", ""], -14);
        assert_eq!(show(attr([3, 1, 1, 0, 0])), r#"open_tree_attr(3, "p", OPEN_TREE_CLONE, NULL) = -EFAULT"#);
        let (mut e, tail) = attr([3, 1, 1, 1, 32]);
        e.flags[3] = cbpf_flag::CBPF_FAULT.0 as u8;
        assert_eq!(show((e, tail)), r#"open_tree_attr(3, "p", OPEN_TREE_CLONE, ?) = -EFAULT"#);
        let config = event(mountsnoop_op::MOUNTSNOOP_FSCONFIG, [3, 6, 0, 0, 0], ["", "", "", "", ""], 0);
        assert_eq!(show(config), "fsconfig(3, FSCONFIG_CMD_CREATE, NULL, NULL, 0) = 0");
    }

    fn row(detailed: bool, format: Format) -> String {
        let tool = Tool { timestamp: false, detailed };
        let (e, tail) = mounted();
        let mut out = Out::memory(format);
        out.set_blocks(tool.blocks());
        let columns = tool.columns();
        out.header(&columns).expect("memory");
        out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e, &tail, row)).expect("memory");
        out.take()
    }

    #[test]
    fn details_stand_on_lines_of_their_own_and_what_is_not_there_on_none() {
        assert_eq!(
            row(true, Format::Text),
            "COMM: sh\nPID: 7\nTID: 8\nMNT_NS: 9\nOP: mount\nRET: -2\nLAT(us): 1.500\nSOURCE: a\"b\nTARGET: /mnt\n\
             DATA: x=1\nFLAGS: MS_RDONLY | MS_BIND\n\n"
        );
        assert!(row(false, Format::Text).contains("\nsh               7       8       9           mount("));
        assert!(row(false, Format::Json).contains(r#""source":"a\"b","target":"/mnt","data":"x=1","flags":"MS_RDONLY"#));
    }
}
