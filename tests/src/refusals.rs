//! How cbpf refuses and how it ends, where that takes root to set up: exit statuses, and messages word for word. What
//! needs no root is in `tests/cli/`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::case::{become_owner, own_uid};
use crate::process::{become_user, cbpf, own_exe};

/// Who starts cbpf.
#[derive(Clone, Copy)]
enum As {
    Root,
    /// A user with the capabilities that tracing takes.
    User,
    /// A user without any.
    Nobody,
}

/// Runs it to its end: exit status, stdout, stderr.
fn run(who: As, args: &[&str]) -> Result<(i32, String, String)> {
    let mut command = Command::new(cbpf()?);
    command.args(args).stdin(Stdio::null()).env_remove("CBPF_TOKEN_PATH").env_remove("CBPF_SOCKET");
    match who {
        As::Root => {}
        As::User => become_owner(&mut command),
        As::Nobody => become_user(&mut command, own_uid(), Vec::new()),
    }
    let output = command.output()?;
    let text = |bytes| String::from_utf8(bytes).context("not UTF-8");
    Ok((output.status.code().context("killed")?, text(output.stdout)?, text(output.stderr)?))
}

/// It ends with that status and says just that.
fn says(who: As, args: &[&str], status: i32, words: &str) -> Result<()> {
    let (code, _, stderr) = run(who, args)?;
    ensure!(code == status, "{args:?}: exit status {code}, not {status}: {stderr}");
    ensure!(stderr == words, "{args:?} says:\n{stderr}and not:\n{words}");
    Ok(())
}

/// Who may not trace is told what is missing and what fixes it, for each grant.
pub fn no_grant() -> Result<()> {
    says(
        As::Nobody,
        &["opensnoop", "--grant", "strict"],
        3,
        "cbpf opensnoop: no permission to trace\n  \
           strict: this process has no CAP_BPF and no CAP_PERFMON\n    \
             fix: sudo setcap cap_bpf,cap_perfmon+ep \"$(command -v cbpf)\", or run it as root\n",
    )?;
    let (status, stdout, stderr) = run(As::Nobody, &["opensnoop"])?;
    ensure!(status == 3 && stdout.is_empty(), "exit status {status}: {stdout}{stderr}");
    for grant in ["token", "strict"] {
        ensure!(stderr.contains(&format!("\n  {grant}: ")), "no word about {grant}: {stderr}");
    }
    ensure!(stderr.matches("\n    fix: ").count() >= 2, "not every link has its fix: {stderr}");
    Ok(())
}

/// Nobody gets a wider scope than is theirs.
pub fn scopes() -> Result<()> {
    says(
        As::User,
        &["opensnoop", "--grant", "strict", "--scope", "host"],
        3,
        "cbpf opensnoop: --scope host: only root of the host, outside of every container, may see the whole machine\n",
    )?;
    says(
        As::User,
        &["opensnoop", "--grant", "strict", "--scope", "container"],
        3,
        "cbpf opensnoop: --scope container: only root of the container may see all of it; --scope user shows your own \
         tasks\n",
    )?;
    if std::fs::read_to_string("/proc/self/cgroup")?.lines().any(|line| line == "0::/") {
        says(
            As::Root,
            &["opensnoop", "--grant", "strict", "--scope", "container"],
            3,
            "cbpf opensnoop: --scope container: this process is in the host's pid namespace and in the root cgroup, so \
             there is no container to speak of. Start cbpf inside the container, or in a cgroup of its own\n",
        )?;
    }
    Ok(())
}

/// `-- COMMAND` gives its exit status on, and has none of cbpf's capabilities.
pub fn commands() -> Result<()> {
    let words = "cbpf opensnoop: cannot run /nonexistent: No such file or directory\n";
    says(As::Root, &["opensnoop", "-q", "--", "/nonexistent"], 1, words)?;
    says(
        As::Root,
        &["opensnoop", "-q", "--", "/etc/passwd"],
        1,
        "cbpf opensnoop: cannot run /etc/passwd: Permission denied\n",
    )?;
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        says(As::User, &["opensnoop", "-q", "--", "/bin/sh", "-c", script], status, "")?;
    }
    let powerless = format!("grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status && [ $(id -u) = {} ]", own_uid());
    says(As::User, &["opensnoop", "-q", "--", "/bin/sh", "-c", &powerless], 0, "")
}

/// A reader that has seen enough is no failure.
pub fn closed_pipe() -> Result<()> {
    let mut child = Command::new(cbpf()?)
        .args(["opensnoop", "-q", "--", "/bin/sh", "-c", "while :; do : < /etc/passwd; done"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut first = [0; 64];
    child.stdout.take().context("stdout")?.read_exact(&mut first)?;
    let output = child.wait_with_output()?;
    // The command is ended with it, by a signal; but nobody is interested in that any more.
    ensure!(matches!(output.status.code(), Some(0 | 143)), "{output:?}");
    ensure!(output.stderr.is_empty(), "it complains: {}", String::from_utf8_lossy(&output.stderr));
    for args in [&["list"][..], &["doctor"], &["doctor", "--json"], &["klockstat", "--help"]] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let mut command = Command::new(cbpf()?);
        // The doctor has less to try for one who may nothing.
        become_user(&mut command, own_uid(), Vec::new());
        let output = command.args(args).stdin(Stdio::null()).stdout(writer).output()?;
        ensure!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    }
    Ok(())
}

/// Who is told to end ends well: with the last report, the counts, and status 0.
pub fn signals() -> Result<()> {
    for (args, signal) in [
        (&["opensnoop"][..], Signal::SIGINT),
        (&["opensnoop"], Signal::SIGTERM),
        (&["syscount", "-i", "60"], Signal::SIGTERM),
    ] {
        let mut child = Command::new(cbpf()?)
            .args(args)
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().context("stdout")?);
        let mut lines = String::new();
        stdout.read_line(&mut lines)?;
        ensure!(Command::new(own_exe()?).args(["loop", "100"]).status()?.success(), "no work");
        kill(Pid::from_raw(child.id().try_into()?), signal)?;
        stdout.read_to_string(&mut lines)?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{args:?}, {signal}: {output:?}");
        let end: Value = serde_json::from_str(lines.lines().last().context("no output")?)?;
        let n = |key: &str| end[key].as_u64().with_context(|| format!("{args:?}, {signal}: no {key}: {end}"));
        ensure!(n("matched")? >= 100 && n("matched")? == n("shown")? + n("dropped")?, "{args:?}, {signal}: {end}");
    }
    Ok(())
}

/// Lost events are exit status 5 for who asked for that.
pub fn lost() -> Result<()> {
    let (suite, cbpf) = (own_exe()?.display().to_string(), ["opensnoop", "--json", "-q", "--buffer", "4K"]);
    for (how, status) in [("warn", 0), ("fail", 5)] {
        let args = [&cbpf[..], &["--on-loss", how, "--", &suite, "loop", "100000"]].concat();
        let (code, stdout, stderr) = run(As::Root, &args)?;
        let end: Value = serde_json::from_str(stdout.lines().last().context("no output")?)?;
        ensure!(end["dropped"].as_u64() > Some(0), "nothing was lost: {end}");
        ensure!(code == status, "--on-loss {how}: exit status {code}: {stderr}");
    }
    Ok(())
}
