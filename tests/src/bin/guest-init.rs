//! The first process of a guest that [`boot`](cbpf_tests::ladder::boot) starts: sets the system up, runs the command of
//! [`COMMAND`], writes its output and status to the second serial port and switches the guest off.

#![allow(clippy::print_stderr, reason = "where it cannot say how a test went, it may panic")]

use std::ffi::{CString, OsStr};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use cbpf_tests::ladder::{COMMAND, MODULE_LIST};
use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{SetArg, cfmakeraw, tcdrain, tcgetattr, tcsetattr};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Pid, sethostname, sync};

/// What to mount: type, where and options.
const MOUNTS: &[(&str, &str, &str)] = &[
    ("proc", "/proc", ""),
    ("sysfs", "/sys", ""),
    ("devtmpfs", "/dev", ""),
    ("devpts", "/dev/pts", "ptmxmode=0666"),
    ("tmpfs", "/dev/shm", "mode=1777"),
    ("tmpfs", "/tmp", "mode=1777"),
    ("tmpfs", "/run", "mode=755"),
    ("securityfs", "/sys/kernel/security", ""),
    ("debugfs", "/sys/kernel/debug", ""),
    ("tracefs", "/sys/kernel/tracing", ""),
    ("bpf", "/sys/fs/bpf", "mode=700"),
    ("cgroup2", "/sys/fs/cgroup", ""),
];

fn main() {
    // Elsewhere it would mount over, and then switch off, the machine it runs on.
    if std::process::id() != 1 || !Path::new(COMMAND).exists() {
        eprintln!("guest-init: this is the first process of a test's guest only");
        std::process::exit(2);
    }
    // A panic in any thread ends the guest.
    std::panic::set_hook(Box::new(|info| {
        eprintln!("guest-init: {info}");
        power_off();
    }));
    if let Err(e) = run() {
        eprintln!("guest-init: {e:#}");
    }
    power_off();
}

fn power_off() {
    sync();
    // If this fails, the first process ends, and with it the kernel and qemu.
    let _ = reboot(RebootMode::RB_POWER_OFF);
    std::process::exit(1);
}

/// What goes wrong here is told on the console; only what the command cannot do without is an error.
fn run() -> Result<()> {
    // The kernel's own root has mode 1777.
    complain(fs::set_permissions("/", Permissions::from_mode(0o755)));
    for (kind, path, options) in MOUNTS {
        let mounted = fs::create_dir_all(path).context("no directory").and_then(|()| {
            let options = (!options.is_empty()).then_some(*options);
            Ok(mount(Some(*kind), *path, Some(*kind), MsFlags::empty(), options)?)
        });
        complain(mounted.with_context(|| format!("cannot mount {path}")));
    }
    for (target, link) in [("fd", "fd"), ("fd/0", "stdin"), ("fd/1", "stdout"), ("fd/2", "stderr")] {
        let link = Path::new("/dev").join(link);
        complain(std::os::unix::fs::symlink(Path::new("/proc/self").join(target), link));
    }

    let mut port = serial_port()?;
    let text = fs::read(COMMAND).context("cannot read the command")?;
    // The marker is for the host and us.
    fs::remove_file(COMMAND)?;
    let mut words = text.strip_suffix(b"\0").unwrap_or(&text).split(|b| *b == 0).map(OsStr::from_bytes);
    let marker = words.next().and_then(OsStr::to_str).context("the command has no marker")?;
    let program = words.next().context("the command has no program")?;

    complain(load_modules());
    complain(mount(Some("nfsd"), "/proc/fs/nfsd", Some("nfsd"), MsFlags::empty(), None::<&str>).context("nfsd"));
    complain(enable_controllers().context("cannot enable the cgroup controllers"));
    complain(lo_up().context("cannot set lo up"));
    complain(sethostname("guest").context("cannot set the host name"));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    writeln!(port, "{marker} {}", release.trim())?;

    let status = run_command(Command::new(program).args(words), &port)?;
    writeln!(port, "{marker} {status}")?;
    tcdrain(&port)?;
    Ok(())
}

fn complain(result: Result<(), impl Into<anyhow::Error>>) {
    if let Err(e) = result {
        eprintln!("guest-init: {:#}", e.into());
    }
}

/// The second serial port, which passes bytes as they are.
fn serial_port() -> Result<File> {
    let port = OpenOptions::new().read(true).write(true).open("/dev/ttyS1").context("no second port")?;
    let mut mode = tcgetattr(&port)?;
    cfmakeraw(&mut mode);
    tcsetattr(&port, SetArg::TCSANOW, &mode)?;
    Ok(port)
}

/// Loads the modules of [`MODULE_LIST`]: `PATH PARAMETERS` lines.
fn load_modules() -> Result<()> {
    for line in fs::read_to_string(MODULE_LIST).context(MODULE_LIST)?.lines() {
        let (path, parameters) = line.split_once(' ').unwrap_or((line, ""));
        let loaded = File::open(path)
            .map_err(anyhow::Error::from)
            .and_then(|file| Ok(finit_module(file, &CString::new(parameters)?, ModuleInitFlags::empty())?));
        complain(loaded.with_context(|| format!("cannot load {path}")));
    }
    Ok(())
}

/// Makes every controller usable in the groups below the root.
fn enable_controllers() -> Result<()> {
    let root = Path::new("/sys/fs/cgroup");
    for controller in fs::read_to_string(root.join("cgroup.controllers"))?.split_whitespace() {
        fs::write(root.join("cgroup.subtree_control"), format!("+{controller}"))
            .with_context(|| controller.to_owned())?;
    }
    Ok(())
}

/// What `ip link set lo up` does.
fn lo_up() -> Result<()> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: ifreq is plain old data; all zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request outlives the call and is what SIOCSIFFLAGS expects.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) };
    ensure!(result == 0, io::Error::last_os_error());
    Ok(())
}

/// Runs `command` with a pipe for its output, which goes to `port`; its status.
///
/// It does not get the port itself: programs write to a terminal otherwise than to a pipe.
fn run_command(command: &mut Command, port: &File) -> Result<i32> {
    let (mut reader, writer) = io::pipe()?;
    let mut port = port.try_clone()?;
    let copy = thread::spawn(move || io::copy(&mut reader, &mut port));
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer.try_clone()?);
    let status = match command.spawn() {
        Ok(child) => wait_for(Pid::from_raw(child.id().try_into()?))?,
        Err(e) => {
            writeln!(&writer, "guest-init: cannot run {:?}: {e}", command.get_program())?;
            127
        }
    };
    // The pipe ends when all that have it do: the command object, we, and what was left running.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    drop(writer);
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    ensure!(copy.join().is_ok_and(|copied| copied.is_ok()), "cannot write to the second port");
    Ok(status)
}

/// Collects all children, as the first process must, until `main` ends; its status.
fn wait_for(main: Pid) -> Result<i32> {
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, status)) if pid == main => return Ok(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => {
                return Ok(128 + signal as i32);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}
