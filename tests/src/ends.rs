//! How a run ends that is not read, not wanted any more, or told to end twice.

use std::io::Read as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::cbpf;

/// Runs a script of the shell with cbpf as `$0`, and returns what it prints.
fn shell(script: &str) -> Result<String> {
    let output = Command::new("/bin/sh").arg("-c").arg(script).arg(cbpf()?).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{script}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

/// What cannot be said does no harm.
pub fn unread() -> Result<()> {
    for (run, closed) in [
        ("runqlat 0.1 1", "2>/dev/full"),
        ("opensnoop -d 0.1", "2>&1 | :"),
        ("opensnoop -v -d 0.1", "2>&1 | :"),
        ("opensnoop -- sh -c 'for i in 1 2 3; do cat $0 >/dev/null; sleep 0.1; done'", "2>&1 | head -n 1 >/dev/null"),
        ("opensnoop --scope nowhere", "2>/dev/full"),
        ("opensnoop -u 4000000000", "2>/dev/full"),
    ] {
        let status = shell(&format!("{{ {{ \"$0\" {run}; echo $? >&9; }} {closed}; }} 9>&1 >/dev/null"))?;
        let wrong = if run.contains("nowhere") || run.contains("-u") { "2" } else { "0" };
        // A command that is told to end has a status, of which nobody is interested.
        let ended = run.contains("--") && status.trim() == "143";
        ensure!(status.trim() == wrong || ended, "{run} {closed}: status {status}");
    }
    Ok(())
}

/// cbpf, once it traces.
fn start(args: &[&str], hangups_ignored: bool) -> Result<std::process::Child> {
    let mut command = Command::new(cbpf()?);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if hangups_ignored {
        // SAFETY: a system call only, between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGHUP, libc::SIG_IGN);
                Ok(())
            });
        }
    }
    let mut child = command.spawn()?;
    child.stdout.as_mut().context("stdout")?.read_exact(&mut [0; 8])?;
    Ok(child)
}

/// nohup(1) is heeded, and a hang-up without it is an end.
pub fn hang_up() -> Result<()> {
    for (ignored, least) in [(true, Duration::from_millis(900)), (false, Duration::ZERO)] {
        let begin = Instant::now();
        let child = start(&["opensnoop", "--json", "-d", "1"], ignored)?;
        kill(Pid::from_raw(child.id().try_into()?), Signal::SIGHUP)?;
        let output = child.wait_with_output()?;
        let took = begin.elapsed();
        ensure!(output.status.success() && took >= least, "{ignored}: after {took:?}: {output:?}");
    }
    Ok(())
}

/// A command that will not end does not hold cbpf for ever.
pub fn second_signal() -> Result<()> {
    let stubborn = "trap '' TERM; trap 'exit 3' INT; echo ready-; while :; do sleep 0.1; done";
    let child = start(&["opensnoop", "-q", "--", "/bin/sh", "-c", stubborn], false)?;
    let pid = Pid::from_raw(child.id().try_into()?);
    thread::sleep(Duration::from_millis(300));
    kill(pid, Signal::SIGTERM)?;
    thread::sleep(Duration::from_millis(300));
    ensure!(kill(pid, None).is_ok(), "it did not wait");
    kill(pid, Signal::SIGINT)?;
    // The shell has the output open: that it ends shows that the second was passed on.
    let output = child.wait_with_output()?;
    ensure!(output.status.signal() == Some(libc::SIGINT), "{output:?}");
    Ok(())
}

/// Without /sys nothing can be loaded, and that has a name.
pub fn without_types() -> Result<()> {
    let script = "umount -l /sys && exec \"$0\" opensnoop --grant strict";
    let output = Command::new("unshare").args(["-m", "/bin/sh", "-c", script]).arg(cbpf()?).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(4) && said.contains("are not here: mount /sys"), "{output:?}");
    Ok(())
}

/// Who asks for less time than the command takes is told what becomes of it.
pub fn shorter_than_the_command() -> Result<()> {
    let output = Command::new(cbpf()?)
        .args(["opensnoop", "-d", "0.2", "--", "/bin/sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(0) && said.contains("sent SIGTERM"), "{output:?}");
    Ok(())
}
