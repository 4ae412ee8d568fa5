//! The tests that need a real kernel and root: `cbpf-suite [here|RUNG] [FILTER]`.
//!
//! Prints a line for each test and ends with the counts. What each tool must do on which kernel is said by
//! `tests/kernels.md`; a tool that cannot run where the table says that it works fails, and so does one that runs
//! where the table says that it cannot.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "where it cannot say how a test went, it may panic")]

mod before;
mod case;
mod cases;
mod containers;
mod daemon;
mod ends;
mod filesystems;
mod handed;
mod hostile;
mod limit;
mod loss;
mod narrow;
mod newtool;
mod preempted;
mod refusals;
mod reports;
mod sampling;
mod token;
mod traceable;
mod uring;
mod verifier;
mod writeback;

use std::ffi::CString;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_tests::process;

use case::{Case, Outcome, Work};
use cases::CASES;
use limit::{LIMITED, Limit};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["work", tool, who, count, notes] => work(tool, who, count, notes),
        ["container", case, grant, fd, uid] => {
            find(case).and_then(|case| case::container(case, grant, fd.parse()?, uid.parse()?))
        }
        ["loop", count] => count.parse().map_err(Into::into).and_then(loss::open_loop),
        ["client", what, socket] => daemon::client(what, socket.as_ref()),
        ["podman", name] => containers::inside(name),
        ["files-on", kind] => filesystems::inside(kind),
        ["delegated", fd, ref args @ ..] => fd.parse().map_err(Into::into).and_then(|fd| token::delegated(fd, args)),
        ["delegate", ref numbers @ ..] => token::delegate(numbers),
        ["open", file] => traceable::open(file),
        ["hostile"] => hostile::open_names(),
        ["fault-and-sleep"] => sampling::fault_and_sleep(),
        ["threads"] => narrow::threads(),
        ["short-runs"] => sampling::short_runs(),
        ["crowd", who] => preempted::crowd(who),
        ["exec-in", group, ref program @ ..] => writeback::exec(group, program),
        ["write-in", group, file, kilobytes] => writeback::write(group, file, kilobytes),
        ["verifier", "--write"] => verifier::write(),
        [] => suite("here", ""),
        [kernel] => suite(kernel, ""),
        [kernel, filter] => suite(kernel, filter),
        _ => Err(anyhow::anyhow!("usage: cbpf-suite [here|RUNG] [FILTER]")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("cbpf-suite: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// The case of a tool, or another one by its name.
fn find(name: &str) -> Result<&'static Case> {
    let named = |case: &&&Case| case.tool == name || case.name() == name;
    let mut all = CASES.iter().chain(cases::funclatency::OF_THE_KERNEL);
    all.find(named).copied().with_context(|| format!("no case for {name}"))
}

fn work(tool: &str, who: &str, count: &str, notes: &str) -> Result<()> {
    let name = CString::new(format!("wk-{who}"))?;
    // SAFETY: the name is a C string; the kernel copies 16 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    (find(tool)?.work)(&Work { who: who.into(), count: count.parse()?, notes: notes.into() })
}

/// What the table of a grant says of a tool on a kernel: works, or why not. `Ok(None)`: the grant does not exist there.
fn expected(grant: &str, kernel: &str, tool: &str) -> Result<Option<Expected>> {
    let text = include_str!("../kernels.md");
    let (_, table) = text.split_once(&format!("## {grant}\n")).with_context(|| format!("no table for {grant}"))?;
    let mut rows = table.split("\n## ").next().unwrap_or_default().lines().filter(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect::<Vec<_>>();
    let head = cells(rows.next().context("no table")?);
    let Some(column) = head.iter().position(|c| c == kernel) else { return Ok(None) };
    let row = rows.map(cells).find(|row| row[0] == tool).with_context(|| format!("no row {tool} for {grant}"))?;
    let cell = row.get(column).with_context(|| format!("no cell for {tool} on {kernel}"))?;
    Ok(Some(if cell == "works" { Expected::Works } else { Expected::Lacks(cell.clone()) }))
}

enum Expected {
    Works,
    Lacks(String),
}

/// The tests of one kernel: which of them run, and how they ended.
struct Counts<'a> {
    kernel: &'a str,
    /// Parts of names, with commas between them; a test runs whose name holds one of them.
    filter: &'a str,
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Counts<'_> {
    /// Runs one test, which is known as `KERNEL: NAME`; `Ok(Some(reason))` is a skip.
    fn test(&mut self, name: &str, test: impl FnOnce() -> Result<Option<String>>) {
        let name = format!("{}: {name}", self.kernel);
        if !self.filter.split(',').any(|part| name.contains(part)) {
            return;
        }
        let began = Instant::now();
        let result = test();
        let seconds = began.elapsed().as_secs();
        match result {
            Ok(None) => {
                self.passed += 1;
                println!("ok   {name} ({seconds} s)");
            }
            Ok(Some(reason)) => {
                self.skipped += 1;
                println!("skip {name}: {reason}");
            }
            Err(e) => {
                self.failed += 1;
                println!("FAIL {name} ({seconds} s): {e:#}");
            }
        }
    }

    /// The same for a test that is never skipped.
    fn plain(&mut self, name: &str, test: impl FnOnce() -> Result<()>) {
        self.test(name, || test().map(|()| None));
    }
}

/// A test that measures may be disturbed, under emulation above all: it is tried twice, and the first failure is told.
fn twice<T>(name: &str, run: impl Fn() -> Result<T>) -> Result<T> {
    run().or_else(|e| {
        println!("     {name} failed and is tried again: {e:#}");
        run()
    })
}

type Scope = (&'static str, &'static str, fn(&Case) -> Result<Outcome>);

fn suite(kernel: &str, filter: &str) -> Result<()> {
    ensure!(expected("strict", kernel, CASES[0].tool)?.is_some(), "kernels.md knows no kernel {kernel}");
    if kernel != "here" {
        // It makes a file system on a disk that it does not look at.
        ensure!(case::emulated(), "{kernel}: only in a guest of the ladder");
        filesystems::mount_disk()?;
    }
    let mut counts = Counts { kernel, filter, passed: 0, failed: 0, skipped: 0 };
    owner_tests(&mut counts)?;
    kernel_tests(&mut counts);
    // Emulated, 600,000 opens take minutes, and the counters are the same.
    if kernel == "here" {
        here_only(&mut counts);
    }
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    Ok(())
}

const SCOPES: [Scope; 6] = [
    ("strict", "user", case::user_scope),
    ("strict", "container", case::container_scope),
    ("token", "container", case::token_scope),
    ("daemon", "user", case::daemon_user_scope),
    ("daemon", "container", case::daemon_container_scope),
    ("daemon", "rootless container", case::daemon_rootless_scope),
];

/// Every tool's owner test, with every grant in every scope.
fn owner_tests(counts: &mut Counts) -> Result<()> {
    let kernel = counts.kernel;
    for (grant, scope, in_scope) in SCOPES {
        // Emulated, that takes minutes for each scope. Who asks is told apart in the same way for every tool: one scope of
        // the daemon shows its tools, and the daemon's own tests show the scopes.
        if kernel != "here" && grant == "daemon" && scope != "rootless container" {
            continue;
        }
        for case in CASES {
            let name = format!("owner {} {grant} {scope}", case.tool);
            let Some(expected) = expected(grant, kernel, case.tool)? else {
                counts.test(&name, || Ok(Some(format!("kernels.md has no column {kernel} for the {grant} grant"))));
                continue;
            };
            let once = || {
                let _limit = if LIMITED.contains(&case.tool) { Some(Limit::new()?) } else { None };
                in_scope(case)
            };
            counts.test(&name, || {
                let outcome = match twice(&name, once)? {
                    Outcome::Disturbed(_) => once()?,
                    outcome => outcome,
                };
                match (outcome, expected) {
                    (Outcome::Passed, Expected::Works) => Ok(None),
                    (Outcome::Disturbed(why), Expected::Works) => Ok(Some(why)),
                    (Outcome::Disturbed(why), Expected::Lacks(_)) => bail!("it runs: {why}"),
                    (Outcome::NotHere(_), Expected::Lacks(what)) => Ok(Some(what)),
                    (Outcome::NotHere(why), Expected::Works) => bail!("kernels.md says that it works: {why}"),
                    (Outcome::Passed, Expected::Lacks(what)) => bail!("it works, but kernels.md says: {what}"),
                }
            });
        }
    }
    Ok(())
}

/// What every kernel is tested for besides.
fn kernel_tests(counts: &mut Counts) {
    let kernel = counts.kernel;
    for kind in filesystems::KINDS {
        let name = format!("files on {}", kind.name);
        counts.test(&name, || match filesystems::missing(kind) {
            None => twice(&name, || filesystems::test(kind)).map(|()| None),
            why => Ok(why),
        });
    }
    counts.test("writeback is its cgroup's", || match writeback::missing() {
        None => writeback::test().map(|()| None),
        why => Ok(why),
    });
    counts.test("funclatency at functions of the kernel", || match (cases::funclatency::of_the_kernel()?, kernel) {
        (Some(why), "here") => Ok(Some(why)),
        (Some(why), _) => bail!("guests can trace them: {why}"),
        (None, _) => Ok(None),
    });
    counts.plain("hostile names in text", hostile::text);
    counts.plain("hostile names in JSON", hostile::json);
    counts.plain("programs that the user could not trace", traceable::test);
    counts.plain("a listening socket that changes hands", handed::listeners);
    counts.plain("a connection that changes hands", handed::connection);
    counts.plain("preempted at a user function", preempted::uprobe);
    counts.plain("preempted at a tracepoint", preempted::tracepoint);
    counts.plain("samples after so many events", sampling::by_period);
    let name = "samples without perf events";
    counts.plain(name, || twice(name, sampling::by_run_time));
    counts.plain("no grant", refusals::no_grant);
    counts.plain("scopes that are not one's own", refusals::scopes);
    counts.plain("--on-loss", refusals::lost);
    counts.plain("signals", refusals::signals);
    counts.plain("a delegation with one piece missing", || token::one_piece_missing(kernel));
    counts.plain("the doctor", || token::doctors(kernel));
}

/// What takes too long in a guest, or what a guest lacks.
fn here_only(counts: &mut Counts) {
    counts.test("the verifier's work", verifier::test);
    counts.test("a new tool in five steps", newtool::five_steps);
    for (name, test) in daemon::tests() {
        counts.plain(&format!("daemon: {name}"), test);
    }
    for (name, _) in containers::TESTS {
        counts.plain(&format!("containers: {name}"), || twice(name, || containers::run(name)));
    }
    // Guests have no shell.
    counts.plain("a command's exit status", refusals::commands);
    counts.plain("a closed pipe", refusals::closed_pipe);
    counts.plain("nobody reads what it says", ends::unread);
    counts.plain("a hang-up", ends::hang_up);
    counts.plain("no types of the kernel", ends::without_types);
    counts.plain("a second signal", ends::second_signal);
    counts.plain("a trace shorter than its command", ends::shorter_than_the_command);
    counts.plain("sockets that were there before", before::sockets);
    counts.plain("reports that are counted", reports::counted);
    counts.plain("a tool by a link's name", reports::by_link);
    counts.plain("narrowed by option", narrow::options);
    counts.plain("narrowed to a command's descendants", narrow::descendants);
    counts.plain("narrowed to the command itself", narrow::only_the_command);
    counts.plain("narrowed in vain", narrow::in_vain);
    counts.plain("loss is counted, text", || loss::test(loss::Reader::Text));
    counts.plain("loss is counted, JSON", || loss::test(loss::Reader::Json));
    counts.plain("loss is counted, stalled reader", || loss::test(loss::Reader::Stalled));
}
