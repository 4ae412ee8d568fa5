//! The owner test: an owned process and a foreign one do the same known thing, and the tool's report must hold
//! exactly what the owned one did. What is special to a tool is a [`Case`], in `cases/TOOL.rs`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// What a tool's owner test is made of.
#[derive(Debug)]
pub struct Case {
    /// The tool.
    pub tool: &'static str,
    /// Its options. `--json` and the scope are added.
    pub args: &'static [&'static str],
    /// How often the workload does its thing.
    pub count: u64,
    /// The workload; it runs in a process of its own, owned or foreign.
    pub work: fn(&Work) -> Result<()>,
    /// Looks at what the tool reported.
    pub check: fn(&Report) -> Result<()>,
    /// What the tool's user has besides CAP_BPF and CAP_PERFMON, where a kernel asks for more.
    pub extra_caps: &'static [u32],
}

/// What the workload knows.
#[derive(Debug)]
pub struct Work {
    /// `own` or `foreign`; also the process name, with `wk-` before it.
    pub who: String,
    /// How often to do the thing.
    pub count: u64,
}

/// What the tool reported, and what was really done.
#[derive(Debug)]
pub struct Report {
    /// Every JSON record, in order.
    pub records: Vec<Value>,
    /// How often each owned workload did its thing.
    pub count: u64,
    /// Pids of the owned workloads, as the tool's user sees them.
    pub owned: Vec<u64>,
    /// The uid of the owned workloads, as the tool's user sees it.
    pub uid: u64,
    /// How long the workloads ran, s.
    pub seconds: f64,
    /// What the tool wrote to stderr.
    pub stderr: String,
}

impl Report {
    /// Records of that `type`.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.records.iter().filter(move |r| r["type"] == kind)
    }

    /// Records of that `type` about the owned workloads.
    pub fn owned_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.of(kind).filter(|r| r["pid"].as_u64().is_some_and(|pid| self.owned.contains(&pid)))
    }

    /// How often all owned workloads together did their thing.
    pub fn expected(&self) -> u64 {
        self.count * self.owned.len() as u64
    }
}

/// The uid that owns, and the one that does not.
pub const OWN_UID: u32 = 2001;
/// See [`OWN_UID`].
pub const FOREIGN_UID: u32 = 2002;

const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;
const CAP_SYS_RESOURCE: u32 = 24;

/// How the outcome is told.
#[derive(Debug)]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// The tool says it cannot run here (exit status 4), in these words.
    NotHere(String),
}

/// The tool under test: beside this binary, or as `CBPF` says.
pub fn cbpf() -> PathBuf {
    std::env::var_os("CBPF").map_or_else(
        || std::env::current_exe().map(|exe| exe.with_file_name("cbpf")).unwrap_or_else(|_| "cbpf".into()),
        PathBuf::from,
    )
}

/// Runs a case for a user with capabilities of its own, in scope `user`: the foreign process has another uid.
pub fn user_scope(case: &Case) -> Result<Outcome> {
    let mut tool = Command::new(cbpf());
    tool.args([case.tool, "--json", "--scope", "user"]).args(case.args);
    let caps = [&[CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE], case.extra_caps].concat();
    become_user(&mut tool, OWN_UID, caps);
    let own = |who| {
        let mut c = work(case, who);
        become_user(&mut c, OWN_UID, Vec::new());
        c
    };
    let foreign = {
        let mut c = work(case, "foreign");
        become_user(&mut c, FOREIGN_UID, Vec::new());
        c
    };
    run(case, tool, vec![own("own")], foreign, OWN_UID.into(), false)
}

/// Runs a case for root of a container, in scope `container`: the owned processes are in the tool's pid namespace and
/// in one below it, the foreign one is outside, under the same uid.
pub fn container_scope(case: &Case) -> Result<Outcome> {
    // This process makes the namespace and stays outside; its children are in it.
    let inside = |command: &mut Command, nested: bool| {
        // SAFETY: system calls only, between fork and exec.
        unsafe {
            command.pre_exec(move || {
                if nested {
                    unshare(CloneFlags::CLONE_NEWPID)?;
                }
                Ok(())
            });
        }
    };
    let mut container = Command::new(std::env::current_exe()?);
    container.args(["container", case.tool]);
    // SAFETY: as above.
    unsafe {
        container.pre_exec(|| {
            unshare(CloneFlags::CLONE_NEWPID)?;
            Ok(())
        });
    }
    let _ = inside;
    bail!("see container()")
}

/// Makes the command run under a uid, with nothing but these capabilities.
fn become_user(command: &mut Command, uid: u32, caps: Vec<u32>) {
    // SAFETY: system calls only, between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let check = |ret: i32| if ret < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) };
            check(libc::prctl(libc::PR_SET_KEEPCAPS, 1))?;
            check(libc::setgroups(0, std::ptr::null()))?;
            check(libc::setresgid(uid, uid, uid))?;
            check(libc::setresuid(uid, uid, uid))?;
            set_caps(&caps)?;
            for cap in &caps {
                check(libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, *cap, 0, 0))?;
            }
            Ok(())
        });
    }
}

/// Sets the permitted, effective and inheritable capabilities to exactly these (capset(2), version 3).
fn set_caps(caps: &[u32]) -> std::io::Result<()> {
    let mask = caps.iter().fold(0u64, |mask, cap| mask | 1 << cap);
    let header: [u32; 2] = [0x2008_0522, 0];
    let (low, high) = (mask as u32, (mask >> 32) as u32);
    let data = [low, low, low, high, high, high];
    // SAFETY: header and data have the layout of capset(2).
    if unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

fn work(case: &Case, who: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()));
    command.args(["work", case.tool, who, &case.count.to_string()]);
    command
}

fn run(
    case: &Case,
    mut tool: Command,
    own: Vec<Command>,
    foreign: Command,
    uid: u64,
    _nested: bool,
) -> Result<Outcome> {
    let running = Running::start(&mut tool)?;
    let running = match running {
        Ok(running) => running,
        Err((Some(4), stderr)) => return Ok(Outcome::NotHere(stderr)),
        Err((status, stderr)) => bail!("{} ended before it began (exit status {status:?}): {stderr}", case.tool),
    };
    let begin = Instant::now();
    let mut workers: Vec<Child> = Vec::new();
    let mut owned = Vec::new();
    for mut command in own {
        let child = command.spawn().context("workload")?;
        owned.push(child.id().into());
        workers.push(child);
    }
    let mut foreign = foreign;
    let child = foreign.spawn().context("workload")?;
    let foreign_pid: u64 = child.id().into();
    workers.push(child);
    for mut worker in workers {
        ensure!(worker.wait()?.success(), "a workload failed");
    }
    let seconds = begin.elapsed().as_secs_f64();
    let (records, stderr) = running.stop()?;
    let report = Report { records, count: case.count, owned, uid, seconds, stderr };
    nothing_foreign(&report, foreign_pid)?;
    sums_add_up(&report)?;
    (case.check)(&report).with_context(|| context_of(&report))?;
    Ok(Outcome::Passed)
}

fn context_of(report: &Report) -> String {
    let last: Vec<String> = report.records.iter().rev().take(12).map(Value::to_string).collect();
    format!("owned pids {:?}, stderr {:?}, last records:\n{}\n", report.owned, report.stderr, last.join("\n"))
}

/// No field of any record names the foreign process: its name, its pid, its uid, or anything it touched (which has
/// `foreign` in its name).
pub fn nothing_foreign(report: &Report, pid: u64) -> Result<()> {
    for record in &report.records {
        let text = record.to_string();
        ensure!(!text.contains("foreign"), "a foreign name leaked: {text}");
        for key in ["pid", "tid", "ppid"] {
            ensure!(record[key] != pid, "the foreign pid leaked: {text}");
        }
        ensure!(record["uid"] != FOREIGN_UID, "the foreign uid leaked: {text}");
    }
    Ok(())
}

/// matched = shown + dropped, and nothing is dropped at this rate.
pub fn sums_add_up(report: &Report) -> Result<()> {
    let end = report.of("end").next().context("no end record")?;
    let n = |key: &str| end[key].as_u64().with_context(|| format!("no {key} in {end}"));
    ensure!(n("matched")? == n("shown")? + n("dropped")?, "the counts do not add up: {end}");
    ensure!(n("dropped")? == 0, "events were lost: {end}");
    Ok(())
}

/// A tool that runs and has printed its start record: from then on everything is traced.
pub struct Running {
    child: Child,
    records: mpsc::Receiver<String>,
    stderr: thread::JoinHandle<String>,
    first: String,
}

impl Running {
    /// Starts the tool; the inner error is its exit status and stderr if it ended instead.
    #[allow(clippy::type_complexity)]
    pub fn start(tool: &mut Command) -> Result<Result<Self, (Option<i32>, String)>> {
        let mut child = tool
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", tool.get_program().display()))?;
        let (stdout, mut errors) = (child.stdout.take().context("stdout")?, child.stderr.take().context("stderr")?);
        let (send, records) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        match records.recv_timeout(Duration::from_secs(60)) {
            Ok(first) => Ok(Ok(Self { child, records, stderr, first })),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill()?;
                bail!("the tool did not start within a minute")
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = child.wait()?;
                Ok(Err((status.code(), stderr.join().unwrap_or_default())))
            }
        }
    }

    /// Its pid, as this process sees it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Interrupts it and returns everything it said.
    pub fn stop(mut self) -> Result<(Vec<Value>, String)> {
        // Work that ends in a softirq or in a kernel thread ends a little after the system call.
        thread::sleep(Duration::from_millis(300));
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGINT)?;
        let mut lines = vec![self.first];
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.records.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.child.kill()?;
                    bail!("the tool did not end within a minute of SIGINT")
                }
            }
        }
        let status = self.child.wait()?;
        let stderr = self.stderr.join().unwrap_or_default();
        ensure!(status.success(), "the tool failed, {status}: {stderr}");
        let records = lines
            .iter()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect::<Result<_>>()?;
        Ok((records, stderr))
    }
}

/// A file that holds nothing, for workloads that need one.
pub fn scratch_file(who: &str, n: u64) -> Result<File> {
    let path = format!("/tmp/cbpf-{who}-{}-{n}", std::process::id());
    let file = File::create_new(&path).with_context(|| path.clone())?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
