//! BPF tokens (Linux 6.9): a bpffs in the caller's user namespace, on which the host delegated parts of bpf().
//!
//! A token delegates permission, not vision: whoever holds it could load other programs than cbpf's. Under this grant
//! ownership is kept by cbpf itself.

use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use libbpf_sys as sys;
use nix::errno::Errno;

use crate::grant::Missing;
use crate::proc::{self, Mount, Status, caps};

/// A token that can be made.
#[derive(Clone, Debug)]
pub struct Token {
    /// The bpffs that it comes from. libbpf makes one of its own for each object it loads.
    pub path: CString,
    /// What was delegated.
    pub allows: Masks,
}

/// What a token allows: a bit for each value of the kernel's enumerations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// `enum bpf_cmd`.
    pub cmds: u64,
    /// `enum bpf_map_type`.
    pub maps: u64,
    /// `enum bpf_prog_type`.
    pub progs: u64,
    /// `enum bpf_attach_type`, as expected when a program is loaded.
    pub attachs: u64,
}

impl Masks {
    /// The bits of `needed` that are not allowed.
    pub fn lacks(&self, needed: &Self) -> Self {
        Self {
            cmds: needed.cmds & !self.cmds,
            maps: needed.maps & !self.maps,
            progs: needed.progs & !self.progs,
            attachs: needed.attachs & !self.attachs,
        }
    }

    /// The bits of either.
    pub fn with(&self, other: &Self) -> Self {
        Self {
            cmds: self.cmds | other.cmds,
            maps: self.maps | other.maps,
            progs: self.progs | other.progs,
            attachs: self.attachs | other.attachs,
        }
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The mount options that delegate exactly this, as `delegate_cmds=…`.
    pub fn options(&self) -> Vec<String> {
        type Name = unsafe extern "C" fn(u32) -> *const std::ffi::c_char;
        let list = |option: &str, mask: u64, name: Name| {
            let names: Vec<String> = (0..64)
                .filter(|bit| mask & (1 << bit) != 0)
                .map(|bit| {
                    // SAFETY: libbpf returns a constant string, or NULL for a value it does not know.
                    let name = unsafe { name(bit) };
                    if name.is_null() {
                        return format!("{:#x}", 1u64 << bit);
                    }
                    // SAFETY: not NULL, so a C string that lives for ever.
                    unsafe { std::ffi::CStr::from_ptr(name) }.to_string_lossy().into_owned()
                })
                .collect();
            (!names.is_empty()).then(|| format!("{option}={}", names.join(":")))
        };
        [
            list("delegate_cmds", self.cmds, cmd_name),
            list("delegate_maps", self.maps, sys::libbpf_bpf_map_type_str),
            list("delegate_progs", self.progs, sys::libbpf_bpf_prog_type_str),
            list("delegate_attachs", self.attachs, sys::libbpf_bpf_attach_type_str),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The commands that consult a token (kernel/bpf/syscall.c); libbpf has no names for commands.
unsafe extern "C" fn cmd_name(cmd: u32) -> *const std::ffi::c_char {
    match cmd {
        sys::BPF_MAP_CREATE => c"map_create".as_ptr(),
        sys::BPF_PROG_LOAD => c"prog_load".as_ptr(),
        sys::BPF_BTF_LOAD => c"btf_load".as_ptr(),
        _ => std::ptr::null(),
    }
}

/// Finds a token for the caller. Where no bpffs carries a delegation nothing else is looked at, because that is so in
/// most containers and their next grant should not wait: `thorough` says why in every case.
///
/// # Errors
/// The one link that is missing.
pub fn find(path: Option<&Path>, init_userns: bool, status: &Status, thorough: bool) -> Result<Token, Missing> {
    let missing = |why: String, fix: &str| Missing::new("token", why, fix);
    if init_userns {
        return Err(missing(
            "tokens exist in containers with a user namespace of their own only, and this is not one".into(),
            "none here; capabilities or the daemon do the same",
        ));
    }
    let named = path.map(Path::to_owned).or_else(from_environment);
    let candidates = named.map_or_else(delegations, |path| vec![path]);
    let delegate = "on the host: cbpfd delegate --pid PID (a process of this container)";
    let nothing = || missing("no bpffs with a delegation is mounted here".into(), delegate);
    if candidates.is_empty() && !thorough {
        return Err(nothing());
    }
    if !kernel_has_tokens() {
        return Err(missing(
            "this kernel has no BPF tokens; they came with Linux 6.9".into(),
            "a newer kernel, or the daemon",
        ));
    }
    if let Some(why) = refused_by_seccomp(status.seccomp) {
        let fix =
            "start the container with a profile that lets bpf through, or use the daemon, whose clients need none";
        return Err(missing(why, fix));
    }
    if !caps::has(status.effective, caps::CAP_BPF) {
        return Err(missing(
            "this process has no CAP_BPF in its user namespace".into(),
            "run as root of the container with CAP_BPF and CAP_PERFMON (--cap-add BPF,PERFMON)",
        ));
    }
    if candidates.is_empty() {
        return Err(nothing());
    }
    let mut whys = Vec::new();
    for path in candidates {
        match try_path(&path) {
            Ok(token) => return Ok(token),
            Err(why) => whys.push(format!("{}: {why:#}", path.display())),
        }
    }
    Err(missing(whys.join("; "), delegate))
}

fn from_environment() -> Option<PathBuf> {
    std::env::var_os("CBPF_TOKEN_PATH").filter(|path| !path.is_empty()).map(Into::into)
}

/// Every bpffs that carries a delegation, the usual place first.
fn delegations() -> Vec<PathBuf> {
    let mounts = proc::mounts("self").unwrap_or_default();
    let mut paths: Vec<PathBuf> = mounts.into_iter().filter(Mount::is_delegation).map(|mount| mount.point).collect();
    let mut seen = HashSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    paths.sort_by_key(|path| path.as_path() != Path::new("/sys/fs/bpf"));
    paths
}

/// Asks the kernel's types, which tell it without a bpf() call; where they are hidden the rest will tell.
pub fn kernel_has_tokens() -> bool {
    let name = b"\0BPF_TOKEN_CREATE\0";
    fs::read("/sys/kernel/btf/vmlinux").map_or(true, |btf| memmem(&btf, name))
}

/// Are the bytes `what` somewhere in `all`?
fn memmem(all: &[u8], what: &[u8]) -> bool {
    // SAFETY: both are as long as is said.
    !unsafe { libc::memmem(all.as_ptr().cast(), all.len(), what.as_ptr().cast(), what.len()) }.is_null()
}

impl Token {
    /// Makes a token from where it comes.
    pub(crate) fn open(&self) -> Result<OwnedFd> {
        let dir = File::open(OsStr::from_bytes(self.path.as_bytes()))?;
        Ok(create(dir.as_raw_fd())?)
    }
}

fn try_path(path: &Path) -> Result<Token> {
    let dir = fs::OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)?;
    let token = create(dir.as_raw_fd()).map_err(|errno| match errno {
        Errno::EINVAL => anyhow::anyhow!("not the root of a bpffs"),
        Errno::ENOENT => anyhow::anyhow!("a bpffs, but nothing is delegated on it"),
        Errno::EPERM => anyhow::anyhow!("a bpffs of another user namespace"),
        Errno::EOPNOTSUPP => anyhow::anyhow!("a bpffs of the initial user namespace"),
        other => anyhow::anyhow!("cannot make a token: {}", other.desc()),
    })?;
    let path = CString::new(path.as_os_str().as_bytes())?;
    Ok(Token { path, allows: masks(&token)? })
}

/// BPF_TOKEN_CREATE on an open bpffs directory.
pub fn create(dir: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: no options; returns a new descriptor or minus an errno.
    let fd = unsafe { sys::bpf_token_create(dir, std::ptr::null_mut()) };
    if fd < 0 {
        return Err(Errno::from_raw(-fd));
    }
    // SAFETY: just returned, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Does the seccomp profile, if there is one, keep this process from calling bpf()? In words, if so.
pub fn refused_by_seccomp(seccomp: bool) -> Option<String> {
    if !seccomp {
        return None;
    }
    match try_bpf() {
        Ok(Errno::EPERM | Errno::ENOSYS | Errno::EACCES) => {
            Some("the bpf() system call is refused by a seccomp profile".into())
        }
        Ok(_) => None,
        Err(()) => Some("a seccomp profile kills whoever calls bpf()".into()),
    }
}

/// What bpf() answers to a command that no kernel has, asked by a child: it may be fatal to ask.
fn try_bpf() -> Result<Errno, ()> {
    // SAFETY: the child makes system calls only.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: no such command, so no attributes are read; and no core file of a death that is expected.
        unsafe {
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
            libc::syscall(libc::SYS_bpf, -1, std::ptr::null::<u8>(), 0);
            libc::_exit(Errno::last_raw() & 0xff)
        }
    }
    let mut status = 0;
    // SAFETY: the child that was just made.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } < 0 {
        if Errno::last() != Errno::EINTR {
            return Ok(Errno::EPERM);
        }
    }
    if libc::WIFEXITED(status) { Ok(Errno::from_raw(libc::WEXITSTATUS(status))) } else { Err(()) }
}

/// A token's masks, from its fdinfo.
pub fn masks(token: &OwnedFd) -> Result<Masks> {
    let path = format!("/proc/self/fdinfo/{}", token.as_raw_fd());
    let text = io::read_to_string(File::open(&path).context("a token without fdinfo")?)?;
    parse_masks(&text).with_context(|| format!("{path}: {text}"))
}

fn parse_masks(text: &str) -> Option<Masks> {
    let mask = |key: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?.trim();
        match value {
            "any" => Some(u64::MAX),
            hex => u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok(),
        }
    };
    Some(Masks {
        cmds: mask("allowed_cmds")?,
        maps: mask("allowed_maps")?,
        progs: mask("allowed_progs")?,
        attachs: mask("allowed_attachs")?,
    })
}

/// The name of a path, for messages.
pub fn display(token: &Token) -> String {
    Path::new(OsStr::from_bytes(token.path.as_bytes())).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fdinfo_of_a_token_is_read() {
        let text = "pos:\t0\nallowed_cmds:\t0x40021\nallowed_maps:\tany\nallowed_progs:\t0x0\nallowed_attachs:\t0x3\n";
        let masks = parse_masks(text);
        assert_eq!(masks, Some(Masks { cmds: 0x40021, maps: u64::MAX, progs: 0, attachs: 3 }));
        assert_eq!(parse_masks("allowed_cmds:\t40021\n"), None);
        assert_eq!(parse_masks(""), None);
    }

    #[test]
    fn a_call_that_is_allowed_is_tried_and_survived() {
        assert_eq!(try_bpf(), Ok(Errno::EINVAL));
        assert_eq!(refused_by_seccomp(true), None);
    }

    #[test]
    fn a_delegation_is_written_in_the_kernels_words() {
        let masks = Masks { cmds: 1 | 1 << 5 | 1 << 18, maps: 1 << 2 | 1 << 27, progs: 1 << 26, attachs: 1 << 23 };
        assert_eq!(
            masks.options(),
            [
                "delegate_cmds=map_create:prog_load:btf_load",
                "delegate_maps=array:ringbuf",
                "delegate_progs=tracing",
                "delegate_attachs=trace_raw_tp"
            ]
        );
    }
}
