//! What `-p`, `-t`, `-c` and `-- COMMAND` leave of a scope, and what they cannot match.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::unistd::gettid;
use serde_json::Value;

use crate::process::{self, Running, cbpf, own_exe};

/// A process of two threads, which writes their numbers; after each line that it reads both open files.
pub fn threads() -> Result<()> {
    let open = |name: &str| (0..OPENS).for_each(|i| _ = fs::File::open(format!("/narrow/{name}/{i}")));
    let (go, word) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = tell.send(gettid());
            word.into_iter().for_each(|()| {
                open("second");
                let _ = tell.send(gettid());
            });
        });
        println!("{} {}", gettid(), told.recv()?);
        for line in std::io::stdin().lock().lines() {
            line?;
            go.send(())?;
            open("first");
            told.recv()?;
            println!("done");
        }
        drop(go);
        Ok(())
    })
}
const OPENS: u64 = 20;

/// A process of [`threads`] that waits.
struct Opener {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    /// The first is the process.
    threads: [String; 2],
}

impl Opener {
    fn start() -> Result<Self> {
        let mut command = Command::new(own_exe()?);
        let mut child = command.arg("threads").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let (first, second) = line.trim().split_once(' ').context("two threads")?;
        Ok(Self { child, lines, threads: [first.into(), second.into()] })
    }

    fn open(&mut self) -> Result<()> {
        self.child.stdin.as_mut().context("stdin")?.write_all(b"go\n")?;
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        ensure!(line == "done\n", "the opener ends");
        Ok(())
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A cgroup with one below it that is made when asked for.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Result<Self> {
        let dir = PathBuf::from(format!("/sys/fs/cgroup/cbpf-narrow-{}", std::process::id()));
        fs::create_dir(&dir)?;
        Ok(Self(dir))
    }

    fn join_below(&self, process: &str) -> Result<()> {
        let below = self.0.join("later");
        fs::create_dir(&below)?;
        Ok(fs::write(below.join("cgroup.procs"), process)?)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let all = fs::read_to_string(self.0.join("later/cgroup.procs")).unwrap_or_default();
        all.lines().for_each(|pid| _ = fs::write("/sys/fs/cgroup/cgroup.procs", pid));
        let _ = fs::remove_dir(self.0.join("later"));
        let _ = fs::remove_dir(&self.0);
    }
}

/// Of two processes with two threads each, every option leaves those that it names: as rows, and as counts.
pub fn options() -> Result<()> {
    let (mut one, mut other) = (Opener::start()?, Opener::start()?);
    let cgroup = if fs::exists("/sys/fs/cgroup/cgroup.procs")? { Some(Cgroup::new()?) } else { None };
    let [first, second] = one.threads.clone();
    let third = other.threads[1].clone();
    let mut table = vec![
        ("--pid", first.clone(), vec![&first, &second]),
        ("--tid", second.clone(), vec![&second]),
        ("--tid", format!("{second},{third}"), vec![&second, &third]),
    ];
    if let Some(cgroup) = &cgroup {
        table.push(("--cgroup", cgroup.0.display().to_string(), vec![&first, &second]));
    }
    for (option, value, threads) in table {
        let start = |tool: &str| -> Result<Running> {
            let mut command = Command::new(cbpf()?);
            command.args([tool, "--json", "--grant", "strict", option, &value]);
            Running::start(&mut command)?.map_err(|(_, stderr)| anyhow!("{option} {value}: {stderr}"))
        };
        let (rows, counts) = (start("opensnoop")?, start("syscount")?);
        if let Some(cgroup) = cgroup.as_ref().filter(|_| option == "--cgroup") {
            cgroup.join_below(&first)?;
        }
        one.open()?;
        other.open()?;
        let mut seen = BTreeMap::new();
        for row in rows.stop()?.0.iter().filter(|row| row["path"].as_str().is_some_and(|p| p.starts_with("/narrow/"))) {
            let pid = row["pid"].to_string();
            let opener = if pid == first { &one } else { &other };
            let second = row["path"].as_str().is_some_and(|path| path.contains("/second/"));
            *seen.entry(opener.threads[usize::from(second)].clone()).or_default() += 1;
        }
        let wanted: BTreeMap<String, u64> = threads.iter().map(|tid| ((*tid).clone(), OPENS)).collect();
        ensure!(seen == wanted, "{option} {value}: {seen:?}, not {wanted:?}");
        let opens = calls(&counts.stop()?.0, "openat");
        ensure!(opens == OPENS * threads.len() as u64, "{option} {value}: syscount has {opens} opens of {wanted:?}");
    }
    Ok(())
}

/// How many calls of that name syscount has.
fn calls(records: &[Value], name: &str) -> u64 {
    records.iter().filter(|r| r["syscall"] == name).filter_map(|r| r["count"].as_u64()).sum()
}

/// Runs a tool with a command, and returns its records.
fn with_command(args: &[&str], command: &[&str]) -> Result<Vec<Value>> {
    let output = Command::new(cbpf()?).args(args).args(["--json", "-q", "--"]).args(command).output()?;
    ensure!(output.status.success(), "{args:?} -- {command:?}: {output:?}");
    process::parse(
        &output.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>(),
    )
}

/// A command's descendants are its own, in a session of theirs too; what another does at the same time is not.
pub fn descendants() -> Result<()> {
    let mut other = Opener::start()?;
    let script = "cat /narrow/child; (setsid sh -c 'exec cat /narrow/grandchild'; cat /narrow/last) & wait";
    let traced = thread::spawn(move || with_command(&["opensnoop"], &["/bin/sh", "-c", script]));
    while !traced.is_finished() {
        other.open()?;
    }
    let records = traced.join().map_err(|_| anyhow!("a thread died"))??;
    let paths: BTreeSet<&str> =
        records.iter().filter_map(|r| r["path"].as_str()).filter(|path| path.starts_with("/narrow/")).collect();
    let wanted = ["/narrow/child", "/narrow/grandchild", "/narrow/last"].into();
    ensure!(paths == wanted, "{paths:?}, not {wanted:?}");
    Ok(())
}

/// Nothing that cbpf does to start a command is in its trace but the call that executes it.
pub fn only_the_command() -> Result<()> {
    let records = with_command(&["execsnoop", "-x"], &["true"])?;
    let rows: Vec<String> = records.iter().filter(|r| r["type"] == "event").map(|r| r["ret"].to_string()).collect();
    ensure!(rows == ["0"], "execsnoop: {records:?}");
    let records = with_command(&["syscount"], &["true"])?;
    for (name, count) in [("execve", 1), ("prctl", 0), ("setresuid", 0), ("setresgid", 0)] {
        ensure!(calls(&records, name) == count, "syscount: {records:?}");
    }
    let records = with_command(&["filetop", "-a"], &["true"])?;
    ensure!(!records.iter().any(|r| r["comm"] == "cbpf"), "filetop: {records:?}");
    Ok(())
}

/// Who narrows to what cannot be there is told so.
pub fn in_vain() -> Result<()> {
    let opener = Opener::start()?;
    for (args, status, words) in [
        (["-p", "4194304"], 0, "-p 4194304: there is no such task here"),
        (["-p", &opener.threads[1]], 0, "; -t takes threads"),
        (["-u", "1"], 2, "-u 1: scope user is your own uid, 0"),
    ] {
        let output = Command::new(cbpf()?).args(["opensnoop", "--grant", "strict", "-d", "0.1"]).args(args).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(status) && said.contains(words), "{args:?}: {output:?}");
    }
    Ok(())
}
