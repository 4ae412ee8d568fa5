//! A daemon to test with. Clients of its own tests run as processes of their own (`cbpf-suite client WHAT SOCKET`),
//! under a uid without capabilities.

mod adversaries;
mod clients;
mod tests;

use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::process::{self, cbpf};

pub use clients::client;

/// Every test, by name.
pub fn tests() -> impl Iterator<Item = &'static tests::Test> {
    tests::TESTS.iter().chain(adversaries::TESTS)
}

/// The uid of clients.
const UID: u32 = 2001;

/// A daemon that ends with this, or with the suite.
pub struct Daemon {
    child: Child,
    /// Its socket, in a directory of its own.
    pub socket: PathBuf,
    dir: PathBuf,
}

impl Daemon {
    /// Starts one with the policy `policy`; empty: the built-in one.
    pub fn start(policy: &str) -> Result<Self> {
        static STARTED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("cbpfd-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir)?;
        if !policy.is_empty() {
            fs::write(dir.join("policy.toml"), policy)?;
        }
        Self::run(dir, None)
    }

    /// Starts one again where an earlier one was, or had its socket from a service manager that keeps it.
    fn run(dir: PathBuf, listener: Option<BorrowedFd<'_>>) -> Result<Self> {
        let socket = dir.join("cbpf.sock");
        let daemon = cbpf()?.with_file_name("cbpfd");
        // Who is passed a socket has to be told so by its own pid.
        let mut command = if listener.is_some() {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"", "sh"]).arg(daemon);
            shell
        } else {
            Command::new(daemon)
        };
        command.arg("serve").arg("--socket").arg(&socket).arg("--policy").arg(&dir);
        command.stdin(Stdio::null()).stderr(File::create(dir.join("log"))?);
        let listener = listener.map(|fd| fd.as_raw_fd());
        // SAFETY: system calls only, between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // Where it is 3 already, dup2 would leave it to be closed by exec.
                let passed = listener.is_none_or(|fd| match fd {
                    3 => libc::fcntl(3, libc::F_SETFD, 0) == 0,
                    fd => libc::dup2(fd, 3) == 3,
                });
                if passed { Ok(()) } else { Err(std::io::Error::last_os_error()) }
            });
        }
        let child = command.spawn().context("cbpfd")?;
        let daemon = Self { child, socket, dir };
        let ready = || fs::read_to_string(daemon.dir.join("log")).is_ok_and(|log| log.contains("cbpfd: ready"));
        ensure!(within(Duration::from_secs(20), ready), "the daemon does not start: {}", daemon.log());
        Ok(daemon)
    }

    /// It is killed, which leaves its directory.
    fn kill(mut self) -> Result<PathBuf> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(std::mem::take(&mut self.dir))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// What `cbpf ARGS` would be as a client under [`UID`].
    fn tool(&self, args: &[&str]) -> Result<Command> {
        let mut tool = Command::new(cbpf()?);
        tool.arg(args[0]).args(["--grant", "daemon"]).args(&args[1..]).env("CBPF_SOCKET", &self.socket);
        tool.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(tool)
    }

    /// Runs one of [`CLIENTS`], and waits until the daemon has nothing of it left: a session ends after
    /// its client, and the next client's would be counted beside it.
    fn client(&self, what: &str, uid: Option<u32>) -> Result<()> {
        let descriptors = || anyhow::Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count());
        let before = descriptors()?;
        let mut command = Command::new(process::own_exe()?);
        command.args(["client", what]).arg(&self.socket);
        if let Some(uid) = uid {
            process::become_user(&mut command, uid, Vec::new());
        }
        let done = command.output()?;
        ensure!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr).trim());
        let clean = within(Duration::from_secs(10), || descriptors().is_ok_and(|now| now <= before));
        ensure!(clean, "{what}: the daemon has {} descriptors, and had {before} before", descriptors()?);
        Ok(())
    }

    /// Descriptors of BPF objects that the daemon has, as lines of their fdinfo that name an id.
    fn objects(&self) -> Result<Vec<(&'static str, u32)>> {
        let mut all = Vec::new();
        for fd in fs::read_dir(format!("/proc/{}/fdinfo", self.child.id()))? {
            let text = fs::read_to_string(fd?.path()).unwrap_or_default();
            for (line, kind) in [("link_id:", "link"), ("prog_id:", "program"), ("map_id:", "map")] {
                let id = text.lines().find_map(|l| l.strip_prefix(line)).and_then(|id| id.trim().parse().ok());
                if let Some(id) = id {
                    all.push((kind, id));
                    break;
                }
            }
        }
        Ok(all)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.dir.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The grant that owner tests name: that of one daemon for all of them.
pub fn grant() -> Result<String> {
    static DAEMON: OnceLock<Daemon> = OnceLock::new();
    let daemon = match DAEMON.get() {
        Some(daemon) => daemon,
        None => {
            let new = Daemon::start("")?;
            DAEMON.get_or_init(|| new)
        }
    };
    Ok(format!("daemon:{}", daemon.socket.display()))
}

fn within(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + limit;
    loop {
        if so() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
