//! Gives a running container's user namespace the smallest delegation of bpf() that cbpf's tools need: a bpffs that
//! belongs to that namespace, and that the initial one has put the masks on (kernel/bpf/inode.c, token.c).
//!
//! A bpffs can be opened by a member of both its namespaces only, and get its masks from real root only. So a helper
//! process joins the container, opens the file system and hands it out; this process sets it up; the helper mounts it.

use std::ffi::{CStr, CString};
use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_common::proc::{self, Mount, mounts};
use cbpf_common::say::print;
use cbpf_common::token::{self, Masks};
use cbpf_common::{engine, fds, owner};
use libbpf_rs::btf::{Btf, types};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MntFlags, umount2};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use nix::sys::socket::MsgFlags;
use nix::sys::stat::{fstat, major, minor};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, ROOT, fork, setgroups, setresgid, setresuid};

use crate::Usage;

/// Where bpffs usually is, and where cbpf looks first.
const USUAL: &str = "/sys/fs/bpf";
/// First value of `enum bpf_cmd` that kernels with tokens have.
const BPF_TOKEN_CREATE: u64 = 36;

#[derive(Default)]
struct Options {
    pid: Option<u32>,
    tools: Option<Vec<String>>,
    at: Option<PathBuf>,
    list: bool,
    revoke: bool,
    oci_hook: bool,
}

fn parse(words: &[&str]) -> Result<Options> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().copied().with_context(|| Usage(format!("{word} needs a value")));
        match *word {
            "--pid" => options.pid = Some(value()?.parse().map_err(|_| Usage("--pid needs a number".into()))?),
            "--tools" => options.tools = Some(value()?.split(',').map(str::to_owned).collect()),
            "--all" => options.tools = None,
            "--at" => options.at = Some(value()?.into()),
            "--list" => options.list = true,
            "--revoke" => options.revoke = true,
            "--oci-hook" => options.oci_hook = true,
            other => bail!(Usage(format!("unexpected argument {other}"))),
        }
    }
    if let Some(at) = &options.at {
        ensure!(at.is_absolute(), Usage("--at needs an absolute path, as the container sees it".into()));
    }
    Ok(options)
}

pub fn run(words: &[&str]) -> Result<()> {
    let options = parse(words)?;
    if options.list {
        return list();
    }
    let at = options.at.clone().unwrap_or_else(|| USUAL.into());
    let (pid, at) = match (options.pid, options.oci_hook) {
        (Some(pid), false) => (pid, at),
        (None, true) => {
            let mut state = Vec::new();
            io::stdin().take(1 << 20).read_to_end(&mut state)?;
            of_state(&state, &at)?
        }
        _ => bail!(Usage("--pid PID, or --oci-hook".into())),
    };
    if options.revoke {
        return revoke(pid, &at);
    }
    let allowed = delegate(pid, &wanted(options.tools.as_deref())?, &at)?;
    if !options.oci_hook {
        let (at, allowed) = (at.display(), allowed.options().join(" "));
        print(&format!("delegated to the container of process {pid}, at {at}: {allowed}\n"))?;
    }
    Ok(())
}

/// The process of an OCI runtime's state, and where `at` is as long as its root may not be its root yet.
fn of_state(state: &[u8], at: &Path) -> Result<(u32, PathBuf)> {
    let state: serde_json::Value = serde_json::from_slice(state).context("stdin is not the state of a container")?;
    let pid = state["pid"].as_u64().and_then(|pid| pid.try_into().ok()).context("the state has no pid")?;
    // Before pivot_root(2), as in createRuntime hooks, the container's root is one of the mounts that it sees.
    if let Some(bundle) = state["bundle"].as_str().map(Path::new)
        && let Ok(config) = fs::read(bundle.join("config.json"))
        && let Ok(config) = serde_json::from_slice::<serde_json::Value>(&config)
        && let Some(root) = config["root"]["path"].as_str()
    {
        let root = bundle.join(root);
        if mounts(pid)?.iter().any(|m| m.point == root) {
            return Ok((pid, root.join(at.strip_prefix("/")?)));
        }
    }
    Ok((pid, at.to_owned()))
}

/// What the tools need and this kernel knows.
fn wanted(tools: Option<&[String]>) -> Result<Masks> {
    let all: Vec<String> = cbpf_bpf::OBJECTS.iter().map(|o| o.name.to_owned()).filter(|n| n != "viewer").collect();
    let mut masks = Masks::default();
    for tool in tools.unwrap_or(&all) {
        masks = masks.with(&engine::tool_needs(tool)?);
    }
    let btf = Btf::from_vmlinux().context("this kernel has no BTF, which delegation needs")?;
    let cmds = values(&btf, "bpf_cmd")?;
    ensure!(cmds & 1 << BPF_TOKEN_CREATE != 0, "this kernel has no BPF tokens; they came with Linux 6.9");
    // The kernel refuses an option for one name that it does not know.
    let known = Masks {
        cmds,
        maps: values(&btf, "bpf_map_type")?,
        progs: values(&btf, "bpf_prog_type")?,
        attachs: values(&btf, "bpf_attach_type")?,
    };
    let unknown = known.lacks(&masks);
    Ok(unknown.lacks(&masks))
}

/// The values of one of the kernel's enumerations, a bit for each.
fn values(btf: &Btf<'_>, name: &str) -> Result<u64> {
    let list = btf.type_by_name::<types::Enum<'_>>(name).with_context(|| format!("the kernel has no enum {name}"))?;
    Ok(list
        .iter()
        .filter_map(|member| u32::try_from(member.value).ok())
        .fold(0, |mask, n| mask | 1u64.checked_shl(n).unwrap_or(0)))
}

/// Delegates to the container of a process. Returns what the kernel says that it gives.
pub fn delegate(pid: u32, masks: &Masks, at: &Path) -> Result<Masks> {
    let target = Target::open(pid)?;
    let uids = owner::uid_map(pid)?;
    let root = uids.kernel(0).context("the user namespace of that process has no root (uid_map)")?;
    let group = first_group(pid)?;
    ensure!(
        delegation_at(pid, at)?.is_none(),
        "{} of that container is a delegation already (cbpfd delegate --revoke --pid {pid} takes it away)",
        at.display()
    );
    target.still_there()?;

    let helper = Helper::start(&target, |socket| mount_inside(socket, at))?;
    let fs = helper.receive()?;
    let options = masks.options();
    let owner = [format!("uid={root}"), format!("gid={group}"), "mode=0755".into()];
    for option in options.iter().chain(&owner) {
        let (key, value) = option.split_once('=').context("an option without a value")?;
        set_string(&fs, key, value).with_context(|| format!("the kernel refuses {option}"))?;
    }
    fsconfig(&fs, FSCONFIG_CMD_CREATE, None, None).context("the kernel refuses the file system")?;
    // SAFETY: a plain system call on a descriptor of ours.
    let mount = descriptor(unsafe { libc::syscall(libc::SYS_fsmount, fs.as_raw_fd(), FSMOUNT_CLOEXEC, 0) })?;
    helper.send(&mount)?;
    let token = helper.receive()?;
    helper.end()?;
    let got = token::masks(&token)?;
    let lacks = got.lacks(masks);
    ensure!(lacks.is_empty(), "mounted, but the kernel gives no {}", lacks.options().join(" "));
    let over = masks.lacks(&got);
    ensure!(over.is_empty(), "mounted, but the kernel also gives {}", over.options().join(" "));
    Ok(got)
}

/// The kernel's gid of the container's group 0.
fn first_group(pid: u32) -> Result<u32> {
    let path = format!("/proc/{pid}/gid_map");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find_map(|fields| (fields.first() == Some(&"0")).then(|| fields.get(1)?.parse().ok())?)
        .with_context(|| format!("the user namespace of that process has no group 0: {text}"))
}

/// Takes the mount away, wherever it is mounted in that container. A token that was made from it lives on with its
/// holder; so does a directory of it that is open.
fn revoke(pid: u32, at: &Path) -> Result<()> {
    let target = Target::open(pid)?;
    let device = delegation_at(pid, at)?;
    let device = device.with_context(|| format!("{} of that container is not a delegation", at.display()))?;
    let mut points: Vec<PathBuf> = mounts(pid)?.into_iter().filter(|m| m.device == device).map(|m| m.point).collect();
    points.reverse();
    target.still_there()?;
    let helper = Helper::start(&target, |_| {
        points.iter().try_for_each(|point| {
            umount2(point, MntFlags::MNT_DETACH).with_context(|| format!("cannot unmount {}", point.display()))
        })
    })?;
    helper.end()?;
    let left: Vec<String> = delegations()?
        .into_iter()
        .filter(|(_, mount)| mount.device == device)
        .map(|(pid, mount)| format!("at {} of process {pid}", escape(&mount.point)))
        .collect();
    ensure!(left.is_empty(), "unmounted, but it is mounted elsewhere too, and gives tokens there: {}", left.join(", "));
    Ok(())
}

/// The device of the delegation that is mounted at a path of a container, by whichever name the path goes; none if
/// something else is there.
fn delegation_at(pid: u32, at: &Path) -> Result<Option<String>> {
    let root = fs::File::open(format!("/proc/{pid}/root")).context("cannot open the container's root")?;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let Ok(there) = openat2(&root, at, how) else { return Ok(None) };
    let number = fstat(&there)?.st_dev;
    let device = format!("{}:{}", major(number), minor(number));
    Ok(mounts(pid)?.into_iter().any(|m| m.device == device && m.is_delegation()).then_some(device))
}

/// Prints a line for each delegated bpffs of each mount namespace.
fn list() -> Result<()> {
    for (pid, mount) in delegations()? {
        print(&format!("{pid} {} {}\n", escape(&mount.point), mount.options))?;
    }
    Ok(())
}

/// A path that a container chose: in one word, and without what a terminal would obey.
fn escape(path: &Path) -> String {
    path.as_os_str().as_encoded_bytes().escape_ascii().to_string().replace(' ', "\\x20")
}

/// Every delegation, with a process of each mount namespace that it is mounted in.
fn delegations() -> Result<Vec<(u32, Mount)>> {
    let mut seen = Vec::new();
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Processes come and go.
        let (Ok(namespace), Ok(mounts)) = (fs::read_link(format!("/proc/{pid}/ns/mnt")), mounts(pid)) else { continue };
        if seen.contains(&namespace) {
            continue;
        }
        seen.push(namespace);
        all.extend(mounts.into_iter().filter(Mount::is_delegation).map(|mount| (pid, mount)));
    }
    Ok(all)
}

/// A process in a container, held so that its number cannot come to mean another.
struct Target {
    pidfd: OwnedFd,
}

impl Target {
    fn open(pid: u32) -> Result<Self> {
        let pidfd = proc::pidfd(pid)?;
        ensure!(
            proc::namespace(pid, "user")? != proc::namespace("self", "user")?,
            "process {pid} has no user namespace of its own; there are no tokens without one (use the daemon: cbpfd serve)"
        );
        Ok(Self { pidfd })
    }

    /// After what was read about it under its number.
    fn still_there(&self) -> Result<()> {
        // SAFETY: signal 0 is none; it only asks.
        let ret =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), 0, std::ptr::null::<u8>(), 0) };
        ensure!(ret == 0, "the process has ended: {}", io::Error::last_os_error());
        Ok(())
    }
}

/// A child that has joined the user and mount namespaces of a target. It sends descriptors, or words for what failed.
struct Helper {
    pid: Pid,
    socket: UnixStream,
}

impl Helper {
    fn start(target: &Target, work: impl FnOnce(&UnixStream) -> Result<()>) -> Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }.context("cannot fork")? {
            ForkResult::Parent { child } => Ok(Self { pid: child, socket: ours }),
            ForkResult::Child => {
                drop(ours);
                let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS;
                let done = become_its_root(target, flags).and_then(|()| work(&theirs));
                if let Err(e) = &done {
                    let _ = fds::send(&theirs, format!("{e:#}").as_bytes(), &[]);
                }
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(done.is_err().into()) }
            }
        }
    }

    fn send(&self, fd: &OwnedFd) -> Result<()> {
        fds::send(&self.socket, b"!", &[fd.as_fd()])?;
        Ok(())
    }

    fn receive(&self) -> Result<OwnedFd> {
        receive(&self.socket)
    }

    /// Waits for its success.
    fn end(self) -> Result<()> {
        let mut words = String::new();
        (&self.socket).read_to_string(&mut words)?;
        ensure!(words.is_empty(), "in the container: {words}");
        match waitpid(self.pid, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            other => bail!("the helper in the container failed: {other:?}"),
        }
    }
}

/// Joins a container, and keeps there nothing of the host's root that its root could take over: neither the uid nor, for
/// who may trace all processes of the container, this process itself. It ends with its parent.
fn become_its_root(target: &Target, flags: CloneFlags) -> Result<()> {
    nix::sys::prctl::set_dumpable(false)?;
    setns(&target.pidfd, flags).context("cannot join the container")?;
    // Refused where a user has made the namespace, and then the groups mean nothing in it.
    let _ = setgroups(&[]);
    setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0)).context("cannot become the container's group 0")?;
    setresuid(ROOT, ROOT, ROOT).context("cannot become the container's root")?;
    // The kernel has forgotten the one, and on a debugger's machine the other, with the change of credentials.
    nix::sys::prctl::set_dumpable(false)?;
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// A descriptor from the other side, which sends `!` with it, or words without one.
fn receive(socket: &UnixStream) -> Result<OwnedFd> {
    let mut words = [0; 1024];
    let mut came = fds::receive(socket, &mut words, MsgFlags::empty())?;
    match came.fds.pop() {
        Some(fd) if came.fds.is_empty() => Ok(fd),
        _ if came.bytes > 0 => bail!("in the container: {}", String::from_utf8_lossy(&words[..came.bytes])),
        _ => bail!("the helper in the container ended"),
    }
}

/// What the helper does: opens the file system, mounts it when it comes back, and shows a token from it.
fn mount_inside(socket: &UnixStream, at: &Path) -> Result<()> {
    // SAFETY: a constant string; the result is checked.
    let fs = descriptor(unsafe { libc::syscall(libc::SYS_fsopen, c"bpf".as_ptr(), FSOPEN_CLOEXEC) })
        .context("cannot open a bpffs there")?;
    fds::send(socket, b"!", &[fs.as_fd()])?;
    let mount = receive(socket)?;
    let path = CString::new(at.as_os_str().as_encoded_bytes())?;
    // SAFETY: strings that live through the call; the result is checked.
    let moved = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    if moved != 0 {
        return Err(io::Error::last_os_error()).with_context(|| format!("cannot mount at {}", at.display()));
    }
    let dir = fs::File::open(at).with_context(|| format!("cannot open {}", at.display()))?;
    let token = token::create(dir.as_raw_fd()).map_err(|e| anyhow::anyhow!("mounted, but gives no token: {e}"))?;
    fds::send(socket, b"!", &[token.as_fd()])?;
    Ok(())
}

const FSOPEN_CLOEXEC: u32 = 1;
const FSMOUNT_CLOEXEC: u32 = 1;
const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_CREATE: u32 = 6;

fn set_string(fs: &OwnedFd, key: &str, value: &str) -> io::Result<()> {
    fsconfig(fs, FSCONFIG_SET_STRING, Some(&CString::new(key)?), Some(&CString::new(value)?))
}

fn fsconfig(fs: &OwnedFd, what: u32, key: Option<&CStr>, value: Option<&CStr>) -> io::Result<()> {
    let text = |s: Option<&CStr>| s.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: strings or NULL, as the command wants them, that live through the call.
    let ret = unsafe { libc::syscall(libc::SYS_fsconfig, fs.as_raw_fd(), what, text(key), text(value), 0) };
    if ret == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The new descriptor that a system call returned.
pub fn descriptor(ret: libc::c_long) -> io::Result<OwnedFd> {
    if ret < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller has it from a system call that has just made it.
    Ok(unsafe { OwnedFd::from_raw_fd(ret as i32) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_is_not() {
        let options = parse(&["--pid", "7", "--tools", "opensnoop,runqlat", "--at", "/run/bpf"]).unwrap();
        assert_eq!((options.pid, options.at.unwrap().to_str()), (Some(7), Some("/run/bpf")));
        assert_eq!(options.tools.unwrap(), ["opensnoop", "runqlat"]);
        for bad in [&["--pid"][..], &["--pid", "x"], &["--at", "rel"], &["bogus"]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_state_of_a_container_names_its_process() {
        let state = br#"{"ociVersion":"1.0.2","id":"a","status":"running","pid":4242,"bundle":"/nowhere"}"#;
        assert_eq!(of_state(state, Path::new(USUAL)).unwrap(), (4242, USUAL.into()));
        assert!(of_state(b"{}", Path::new(USUAL)).is_err());
        assert!(of_state(b"", Path::new(USUAL)).is_err());
    }

    #[test]
    fn every_tool_says_what_it_needs() {
        let masks = engine::tool_needs("opensnoop").unwrap();
        let options = masks.options();
        assert_eq!(options[0], "delegate_cmds=map_create:prog_load:btf_load");
        assert!(options[1].contains("ringbuf") && options[2].contains("tracing"), "{options:?}");
        assert!(engine::tool_needs("nothing").is_err());
    }
}
