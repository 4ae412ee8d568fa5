//! The owner test: an owned process and a foreign one do the same known thing, and the tool's report must hold
//! exactly what the owned one did. What is special to a tool is a [`Case`], in `cases/TOOL.rs`.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, IntoRawFd as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use nix::mount::{MsFlags, mount};
use serde_json::Value;

use crate::process::{self, Running, cbpf};
use crate::{cases, daemon};

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
    /// Capabilities that the tool needs besides CAP_BPF and CAP_PERFMON where a kernel asks for more.
    pub extra_caps: &'static [u32],
}

impl Case {
    /// The tool with its options: no other case has that.
    pub fn name(&self) -> String {
        [&[self.tool], self.args].concat().join(" ")
    }
}

/// What the workload knows.
#[derive(Debug)]
pub struct Work {
    /// `own` or `foreign`; also the process name, with `wk-` before it.
    pub who: String,
    /// How often to do the thing.
    pub count: u64,
    /// Directory of the notes; an empty path for the foreign process.
    pub notes: PathBuf,
}

impl Work {
    /// Tells the check something that only this process knows. Nobody asks the foreign one.
    pub fn note(&self, text: impl AsRef<[u8]>) -> Result<()> {
        if self.notes.as_os_str().is_empty() {
            return Ok(());
        }
        // As /proc numbers it: the viewer's number, even in a namespace below.
        let pid = fs::read_link("/proc/self")?;
        Ok(fs::write(self.notes.join(pid), text)?)
    }
}

/// What the tool reported, and what was really done.
#[derive(Debug)]
pub struct Report {
    /// The options of the case.
    pub args: &'static [&'static str],
    /// Every JSON record, in order.
    pub records: Vec<Value>,
    /// How often each owned workload did its thing.
    pub count: u64,
    /// Pids of the owned workloads, as the tool's user sees them.
    pub owned: Vec<u64>,
    /// How long the workloads ran, s.
    pub seconds: f64,
    /// What the tool wrote to stderr.
    pub stderr: String,
    /// Directory of the notes.
    pub notes: PathBuf,
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

    /// What an owned workload noted.
    pub fn note(&self, pid: u64) -> Result<String> {
        fs::read_to_string(self.notes.join(pid.to_string())).with_context(|| format!("no note of {pid}"))
    }

    /// Can functions of the kernel be traced here? All guests of the ladder can.
    pub fn functions(&self) -> bool {
        emulated() || Path::new("/sys/bus/event_source/devices/kprobe").exists()
    }

    /// How many events, anybody's, the kernel says that it kept from the programs because they were busy.
    pub fn missed(&self) -> u64 {
        self.of("end").filter_map(|end| end["missed"].as_u64()).sum()
    }

    /// How far a duration or a number of samples may be off, in quarters. Under emulation the guest's clock and the
    /// host's run apart, and a CPU that is not being emulated still counts as running.
    pub fn slack(&self) -> u64 {
        if emulated() { 3 } else { 1 }
    }

    /// How often all owned workloads together did their thing.
    pub fn expected(&self) -> u64 {
        self.count * self.owned.len() as u64
    }
}

/// See [`own_uid`]; a container is told it.
static FIRST_UID: OnceLock<u32> = OnceLock::new();

/// The uid that owns in scope `user`, and one of two in scope `container`: of this run alone, so that another run at
/// the same time is foreign to it.
pub fn own_uid() -> u32 {
    *FIRST_UID.get_or_init(|| 100_000 + 2 * std::process::id())
}

/// The uid that does not own in scope `user`, and owns in scope `container`.
fn foreign_uid() -> u32 {
    own_uid() + 1
}

/// Debian's 5.10 wants it for perf_event_open() when perf_event_paranoid is 3.
pub const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_RESOURCE: u32 = 24;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;
/// What a user traces with. CAP_SYS_RESOURCE: before 5.11 maps count against RLIMIT_MEMLOCK.
const TO_TRACE: [u32; 3] = [CAP_BPF, CAP_PERFMON, CAP_SYS_RESOURCE];

/// Makes a command that of [`own_uid`], with what strict tracing takes and nothing more.
pub fn become_owner(command: &mut Command) {
    process::become_user(command, own_uid(), process::available(&TO_TRACE));
}

/// Is this a guest of the ladder? It says so.
pub fn emulated() -> bool {
    std::env::var_os("CBPF_GUEST").is_some()
}

/// How a case ended.
#[derive(Debug)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// The tool says that it cannot run here (exit status 4), in these words.
    NotHere(String),
    /// The kernel says that it kept events from programs that were busy, and some of those the check missed. Only
    /// under emulation, where a program takes long enough to be interrupted or (7.x) preempted often.
    Disturbed(String),
}

/// Runs a case for a user with capabilities of its own, in scope `user`: the foreign process has another uid.
pub fn user_scope(case: &Case) -> Result<Outcome> {
    let caps = [&TO_TRACE[..], case.extra_caps].concat();
    let own = |notes: &Path| process::spawn(&mut work(case, "own", notes)?, Some(own_uid()), 0);
    let foreign = || process::spawn(&mut work(case, "foreign", Path::new(""))?, Some(foreign_uid()), 0)?.finish();
    run(case, "strict", "user", Some((own_uid(), caps)), &[&own], &foreign)
}

/// Runs a case for root of a container, in scope `container`: one owned process is in the tool's pid namespace and one
/// in a namespace below it, under different uids; the foreign one is outside, under the uid of an owned one.
pub fn container_scope(case: &Case) -> Result<Outcome> {
    in_container(case, "strict", false, |command| process::spawn(command, None, libc::CLONE_NEWPID | libc::CLONE_NEWNS))
}

/// Runs a case for root of a container with a user namespace of its own, to which the host delegated bpf(): the same
/// processes, and nobody has a capability that counts outside of the container.
pub fn token_scope(case: &Case) -> Result<Outcome> {
    in_container(case, "token", true, |command| {
        let container = process::spawn_in_userns(command, USERNS_FIRST)?;
        let mut delegate = Command::new(cbpf()?.with_file_name("cbpfd"));
        delegate.args(["delegate", "--pid", &container.pid().to_string(), "--tools", case.tool]);
        process::output(&mut delegate)?;
        Ok(container)
    })
}

/// Runs a case for a user without any capability, whom the daemon serves.
pub fn daemon_user_scope(case: &Case) -> Result<Outcome> {
    let own = |notes: &Path| process::spawn(&mut work(case, "own", notes)?, Some(own_uid()), 0);
    let foreign = || process::spawn(&mut work(case, "foreign", Path::new(""))?, Some(foreign_uid()), 0)?.finish();
    run(case, &daemon::grant()?, "user", Some((own_uid(), Vec::new())), &[&own], &foreign)
}

/// Runs a case for root of a container without a user namespace: uid 0, and no capability.
pub fn daemon_container_scope(case: &Case) -> Result<Outcome> {
    in_container(case, &daemon::grant()?, false, |command| {
        process::spawn(command, None, libc::CLONE_NEWPID | libc::CLONE_NEWNS)
    })
}

/// Runs a case for root of a container with a user namespace.
pub fn daemon_rootless_scope(case: &Case) -> Result<Outcome> {
    in_container(case, &daemon::grant()?, true, |command| process::spawn_in_userns(command, USERNS_FIRST))
}

/// The first uid of the tests' user namespaces. Uids there are small.
const USERNS_FIRST: u32 = 0x1000_0000;

/// Starts the container that `start` makes of a command, and is the world outside of it.
fn in_container(
    case: &Case,
    grant: &str,
    userns: bool,
    start: impl FnOnce(&mut Command) -> Result<process::Child>,
) -> Result<Outcome> {
    // The container says when the foreign process may go; what it is, is ours.
    let (ours, theirs) = UnixStream::pair()?;
    process::keep_over_exec(&theirs)?;
    let fd = theirs.as_raw_fd().to_string();
    let mut command = Command::new(process::own_exe()?);
    let inside_uid = if userns { 1000 } else { own_uid() };
    let outside_uid = if userns { USERNS_FIRST + inside_uid } else { inside_uid };
    command.args(["container", &case.name(), grant, &fd, &inside_uid.to_string()]);
    let container = start(&mut command)?;
    drop(theirs);
    (&ours).write_all(b"ready\n")?;
    let mut answer = ours.try_clone()?;
    for line in BufReader::new(ours).lines() {
        match line?.split_once(' ').unwrap_or_default() {
            ("go", _) => {
                process::spawn(&mut work(case, "foreign", Path::new(""))?, Some(outside_uid), 0)?.finish()?;
                answer.write_all(b"done\n")?;
            }
            ("passed", _) => {
                container.finish()?;
                return Ok(Outcome::Passed);
            }
            ("not-here", why) => return Ok(Outcome::NotHere(why.into())),
            ("disturbed", why) => return Ok(Outcome::Disturbed(why.into())),
            (_, why) => bail!("in the container: {}", why.replace('\u{1}', "\n")),
        }
    }
    bail!("the container ended without a word")
}

/// The other side of [`in_container`], as the first process of the container's pid namespace.
pub fn container(case: &Case, grant: &str, fd: i32, first_uid: u32) -> Result<()> {
    FIRST_UID.get_or_init(|| first_uid);
    // SAFETY: the descriptor was passed to this process for this purpose.
    let mut outside = unsafe { UnixStream::from_raw_fd(fd) };
    let mut lines = BufReader::new(outside.try_clone()?);
    let mut ready = String::new();
    lines.read_line(&mut ready)?;
    ensure!(ready == "ready\n", "the world outside is gone");
    let lines = RefCell::new(lines);
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
    let own = |notes: &Path| process::spawn(&mut work(case, "own", notes)?, Some(own_uid()), 0);
    let nested = |notes: &Path| process::spawn(&mut work(case, "own", notes)?, Some(foreign_uid()), libc::CLONE_NEWPID);
    let mut ask = outside.try_clone()?;
    let foreign = || {
        (&ask).write_all(b"go \n")?;
        let mut line = String::new();
        lines.borrow_mut().read_line(&mut line)?;
        ensure!(line == "done\n", "the foreign process failed");
        Ok(0)
    };
    let said = match run(case, grant, "container", None, &[&own, &nested], &foreign) {
        Ok(Outcome::Passed) => "passed \n".into(),
        Ok(Outcome::NotHere(why)) => format!("not-here {}\n", why.replace('\n', " ")),
        Ok(Outcome::Disturbed(why)) => format!("disturbed {}\n", why.replace('\n', " ")),
        Err(e) => format!("failed {}\n", format!("{e:#}").replace('\n', "\u{1}")),
    };
    outside.write_all(said.as_bytes())?;
    ask.flush()?;
    let _ = outside.into_raw_fd(); // open until the end, so that the last line is read
    Ok(())
}

/// The command of a workload.
fn work(case: &Case, who: &str, notes: &Path) -> Result<Command> {
    let mut command = Command::new(process::own_exe()?);
    command.args(["work", case.tool, who, &case.count.to_string()]).arg(notes);
    Ok(command)
}

/// A directory into which every uid may write, for as long as this lives.
struct Notes(PathBuf);

impl Notes {
    fn new() -> Result<Self> {
        // Not by pid: that is 1 in every container.
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let path = std::env::temp_dir().join(format!("cbpf-notes-{now}"));
        fs::create_dir(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o777))?;
        Ok(Self(path))
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a process that owns something.
type Spawn<'a> = &'a dyn Fn(&Path) -> Result<process::Child>;

fn run(
    case: &Case,
    grant: &str,
    scope: &str,
    user: Option<(u32, Vec<u32>)>,
    own: &[Spawn<'_>],
    foreign: &dyn Fn() -> Result<u64>,
) -> Result<Outcome> {
    let (grant, socket) = grant.split_once(':').unwrap_or((grant, ""));
    // The daemon traces user functions only in files of the client's (`daemon: funclatency in a file of one's own`), and
    // the C library is root's.
    let case = if grant == "daemon" && case.tool == "funclatency" { &cases::funclatency::SLEEPS } else { case };
    let mut tool = Command::new(cbpf()?);
    tool.args([case.tool, "--json", "--grant", grant, "--scope", scope]).args(case.args);
    if grant == "daemon" {
        tool.env("CBPF_SOCKET", socket);
        if user.is_none() {
            process::powerless(&mut tool);
        }
    }
    if let Some((uid, caps)) = user {
        process::become_user(&mut tool, uid, process::available(&caps));
    }
    let running = match Running::start(&mut tool)? {
        Ok(running) => running,
        Err((Some(4), stderr)) => return Ok(Outcome::NotHere(stderr)),
        Err((status, stderr)) => bail!("{} ended before it began (exit status {status:?}): {stderr}", case.tool),
    };
    let notes = Notes::new()?;
    let begin = Instant::now();
    let children = own.iter().map(|spawn| spawn(&notes.0)).collect::<Result<Vec<_>>>()?;
    let foreign_pid = foreign()?;
    let owned = children.into_iter().map(process::Child::finish).collect::<Result<_>>()?;
    let seconds = begin.elapsed().as_secs_f64();
    let (records, stderr) = running.stop()?;
    let report = Report { args: case.args, records, count: case.count, owned, seconds, stderr, notes: notes.0.clone() };
    nothing_foreign(&report, foreign_pid, scope == "user")
        .and_then(|()| sums_add_up(&report))
        .with_context(|| context_of(&report))?;
    match (case.check)(&report) {
        Ok(()) => Ok(Outcome::Passed),
        Err(e) if emulated() && report.missed() > 0 => {
            Ok(Outcome::Disturbed(format!("the kernel kept {} events from busy programs: {e}", report.missed())))
        }
        Err(e) => Err(e.context(context_of(&report))),
    }
}

pub fn context_of(report: &Report) -> String {
    let last: Vec<String> = report.records.iter().rev().take(12).map(Value::to_string).collect();
    format!("owned {:?}, stderr {:?}, last records:\n{}\n", report.owned, report.stderr, last.join("\n"))
}

/// No field of any record names the foreign process: its name, its pid, its uid, or anything it touched (which has
/// `foreign` in its name).
pub fn nothing_foreign(report: &Report, pid: u64, by_uid: bool) -> Result<()> {
    for record in &report.records {
        let text = record.to_string();
        let kind = record["type"].as_str().context("a record without type")?;
        let page = include_str!("../../man/text/cbpf.1.md");
        ensure!(page.contains(&format!("\n* {kind}: ")), "cbpf(1) knows no record of type {kind}");
        ensure!(!text.contains("foreign"), "a foreign name leaked: {text}");
        for key in ["pid", "tid", "ppid"] {
            ensure!(pid == 0 || record[key] != pid, "the foreign pid leaked: {text}");
        }
        ensure!(!by_uid || record["uid"] != foreign_uid(), "the foreign uid leaked: {text}");
    }
    Ok(())
}

/// matched = shown + dropped, and nothing is dropped at this rate.
pub fn sums_add_up(report: &Report) -> Result<()> {
    let end = report.of("end").next().context("no end record")?;
    let dropped = sums_add_up_in(end)?;
    ensure!(dropped == 0, "events were lost: {end}");
    Ok(())
}

/// matched = shown + dropped in an `end` record; returns the last.
pub fn sums_add_up_in(end: &Value) -> Result<u64> {
    let n = |key: &str| end[key].as_u64().with_context(|| format!("no {key} in {end}"));
    ensure!(n("matched")? == n("shown")? + n("dropped")?, "the counts do not add up: {end}");
    n("dropped")
}
