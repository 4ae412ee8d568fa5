//! What /proc says of processes. Each is named by its pid, or `self`.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// Inode numbers of the initial namespaces (include/linux/proc_ns.h).
pub const INIT_CGROUP_NS: u64 = 0xEFFF_FFFB;
/// See [`INIT_CGROUP_NS`].
pub const INIT_PID_NS: u64 = 0xEFFF_FFFC;
/// See [`INIT_CGROUP_NS`].
pub const INIT_USER_NS: u64 = 0xEFFF_FFFD;

/// Numbers of capabilities (include/uapi/linux/capability.h).
pub mod caps {
    #![expect(missing_docs, reason = "capabilities(7) has them all")]
    pub const CAP_SETPCAP: u32 = 8;
    pub const CAP_SYS_PTRACE: u32 = 19;
    pub const CAP_SYS_ADMIN: u32 = 21;
    pub const CAP_SYS_RESOURCE: u32 = 24;
    pub const CAP_SYSLOG: u32 = 34;
    pub const CAP_PERFMON: u32 = 38;
    pub const CAP_BPF: u32 = 39;

    /// Is the capability in the set?
    pub fn has(set: u64, cap: u32) -> bool {
        set & 1 << cap != 0
    }
}

/// The inode number of a process's namespace of that kind: `pid`, `user`, …
pub fn namespace(process: impl Display, kind: &str) -> Result<u64> {
    let path = format!("/proc/{process}/ns/{kind}");
    Ok(fs::metadata(&path).with_context(|| format!("cannot look at {path}"))?.ino())
}

/// Holds a process, so that its number cannot come to mean another.
pub fn pidfd(pid: u32) -> Result<OwnedFd> {
    // SAFETY: a plain system call; the result is checked.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()).with_context(|| format!("no process {pid}"));
    }
    // SAFETY: just returned, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// `/proc/PID/status`.
#[derive(Clone, Debug)]
pub struct Status {
    /// The process that it is a thread of.
    pub tgid: u32,
    /// Real, effective, saved and file system uid, as the reader's user namespace numbers them.
    pub uids: [u32; 4],
    /// The real gid.
    pub gid: u32,
    /// The effective gid and the supplementary ones.
    pub gids: Vec<u32>,
    /// Its pid in the pid namespace that /proc is of, and in each below that down to its own.
    pub pids: Vec<u32>,
    /// Effective capabilities, a bit for each.
    pub effective: u64,
    /// Permitted capabilities.
    pub permitted: u64,
    /// Is it under a seccomp profile?
    pub seccomp: bool,
}

impl Status {
    /// Of a process, as it is now.
    pub fn of(process: impl Display) -> Result<Self> {
        let path = format!("/proc/{process}/status");
        let text = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
        Self::parse(&String::from_utf8_lossy(&text)).with_context(|| format!("{path} has not what it should"))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name comes first, and newlines in it are escaped; still, only whole lines count.
        let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let numbers = |key: &str| line(key)?.split_whitespace().map(|n| n.parse().ok()).collect::<Option<Vec<u32>>>();
        let mask = |key: &str| u64::from_str_radix(line(key)?.trim(), 16).ok();
        let gid = numbers("Gid")?;
        Some(Self {
            tgid: *numbers("Tgid")?.first()?,
            uids: numbers("Uid")?.try_into().ok()?,
            gid: *gid.first()?,
            gids: [vec![*gid.get(1)?], numbers("Groups")?].concat(),
            pids: numbers("NSpid")?,
            effective: mask("CapEff")?,
            permitted: mask("CapPrm")?,
            // Not every kernel has it.
            seccomp: line("Seccomp").is_some_and(|mode| mode.trim() != "0"),
        })
    }
}

/// The path of a process's cgroup (v2) in the reader's cgroup namespace; `None` where there is no v2.
pub fn cgroup(process: impl Display) -> Result<Option<String>> {
    let path = format!("/proc/{process}/cgroup");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned))
}

/// A mount: a line of `/proc/PID/mountinfo`.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Major and minor number of its file system.
    pub device: String,
    /// Which directory of its file system is shown there.
    pub root: PathBuf,
    /// Where it is, for the process.
    pub point: PathBuf,
    /// The kind of its file system.
    pub fs: String,
    /// The options of its file system.
    pub options: String,
}

impl Mount {
    /// Is it a bpffs that delegates something?
    pub fn is_delegation(&self) -> bool {
        self.fs == "bpf" && self.options.split(',').any(|option| option.starts_with("delegate_"))
    }
}

/// All mounts that a process sees.
pub fn mounts(process: impl Display) -> Result<Vec<Mount>> {
    let path = format!("/proc/{process}/mountinfo");
    let text = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(parse_mounts(&String::from_utf8_lossy(&text)))
}

fn parse_mounts(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (mount, fs) = line.split_once(" - ")?;
        let mut fs = fs.split(' ');
        let mut fields = mount.split(' ').skip(2);
        let (device, root, point) = (fields.next()?.into(), unescape(fields.next()?), unescape(fields.next()?));
        Some(Mount { device, root, point, fs: fs.next()?.into(), options: fs.nth(1)?.into() })
    };
    text.lines().filter_map(mount).collect()
}

/// mountinfo writes space, tab, newline and backslash as three octal digits (proc_pid_mountinfo(5)).
fn unescape(point: &str) -> PathBuf {
    let mut out = Vec::new();
    let mut rest = point.as_bytes();
    while let [byte, after @ ..] = rest {
        let octal = after.get(..3).and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        match octal {
            Some(code) if *byte == b'\\' => {
                out.push(code);
                rest = &after[3..];
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(out).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_process_is_read() {
        let text = "Name:\ta\\nUid:\\t0\nTgid:\t4711\nUid:\t1000\t1000\t1000\t1000\nGid:\t101\t100\t100\t100\nGroups:\t27 100 \n\
                    NSpid:\t4711\t12\t1\nCapPrm:\t000001c000000000\nCapEff:\t000000c000000000\nSeccomp:\t2\n";
        let status = Status::parse(text).unwrap();
        assert_eq!((status.uids, status.gid, status.gids), ([1000; 4], 101, vec![100, 27, 100]));
        assert_eq!((status.pids, status.effective, status.permitted), (vec![4711, 12, 1], 3 << 38, 7 << 38));
        assert_eq!(status.tgid, 4711);
        assert!(status.seccomp && Status::parse("Uid:\t1\n").is_none());
    }

    #[test]
    fn only_mounts_that_delegate_are_delegations() {
        let text = "30 20 0:27 / /sys/fs/bpf rw,nosuid shared:9 - bpf bpf rw,mode=700\n\
                    31 20 0:28 / /run/b\\040f rw - bpf none rw,delegate_cmds=map_create\n\
                    32 20 0:29 / /run/x rw - tmpfs none rw,delegate_cmds=any\n";
        let mounts = parse_mounts(text);
        let points: Vec<PathBuf> = mounts.into_iter().filter(Mount::is_delegation).map(|m| m.point).collect();
        assert_eq!(points, [PathBuf::from("/run/b f")]);
    }

    #[test]
    fn a_mount_point_with_a_space_is_read() {
        assert_eq!(unescape("/a\\040b\\134c"), PathBuf::from("/a b\\c"));
        assert_eq!(unescape("/a\\9"), PathBuf::from("/a\\9"));
    }
}
