//! The tests that need a real kernel and root: `cbpf-suite [here|RUNG] [FILTER]`.
//!
//! Prints a line for each test and ends with the counts. What each tool must do on which kernel is said by
//! `tests/kernels.md`; a tool that cannot run where the table says that it works fails, and so does one that runs
//! where the table says that it cannot.

mod case;
mod cases;
mod containers;
mod daemon;
mod filesystems;
mod hostile;
mod limit;
mod loss;
mod newtool;
mod preempted;
mod process;
mod refusals;
mod sampling;
mod token;
mod uring;
mod verifier;
mod writeback;

use std::ffi::CString;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use nix::mount::{MsFlags, mount};

use case::{Case, Outcome, Work};
use cases::CASES;
use limit::{LIMITED, Limit};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["work", tool, who, count, notes] => work(tool, who, count, notes),
        ["container", tool, grant, fd, uid] => {
            find(tool).and_then(|case| case::container(case, grant, fd.parse()?, uid.parse()?))
        }
        ["loop", count] => count.parse().map_err(Into::into).and_then(loss::open_loop),
        ["client", what, socket] => daemon::client(what, socket.as_ref()),
        ["podman", name] => containers::inside(name),
        ["files-on", kind] => filesystems::inside(kind),
        ["delegated", fd, ref args @ ..] => fd.parse().map_err(Into::into).and_then(|fd| token::delegated(fd, args)),
        ["delegate", ref numbers @ ..] => token::delegate(numbers),
        ["hostile"] => hostile::open_names(),
        ["fault-and-sleep"] => sampling::fault_and_sleep(),
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

fn find(tool: &str) -> Result<&'static Case> {
    CASES.iter().copied().find(|case| case.tool == tool).with_context(|| format!("no case for {tool}"))
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

#[derive(Default)]
struct Counts {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Counts {
    /// Runs one test; `Ok(Some(reason))` is a skip.
    fn test(&mut self, name: &str, filter: &str, test: impl FnOnce() -> Result<Option<String>>) {
        if !filter.split(',').any(|part| name.contains(part)) {
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
}

/// A test that measures may be disturbed, under emulation above all: it is tried twice, and the first failure is told.
fn twice<T>(name: &str, run: impl Fn() -> Result<T>) -> Result<T> {
    run().or_else(|e| {
        println!("     {name} failed and is tried again: {e:#}");
        run()
    })
}

type Scope = (&'static str, &'static str, fn(&Case) -> Result<Outcome>);

/// Gives a guest of the ladder a file system on a disk: its root is in memory.
fn mount_disk() -> Result<()> {
    let made =
        Command::new("/usr/sbin/mke2fs").args(["-q", "-F", "-t", "ext4", "/dev/vda"]).status().context("mke2fs")?;
    ensure!(made.success(), "mke2fs: {made}");
    std::fs::create_dir_all("/var/tmp")?;
    mount(Some("/dev/vda"), "/var/tmp", Some("ext4"), MsFlags::empty(), None::<&str>)
        .context("cannot mount /dev/vda")?;
    std::fs::set_permissions("/var/tmp", std::fs::Permissions::from_mode(0o1777))?;
    Ok(())
}

fn suite(kernel: &str, filter: &str) -> Result<()> {
    ensure!(expected("strict", kernel, CASES[0].tool)?.is_some(), "kernels.md knows no kernel {kernel}");
    if kernel != "here" {
        // It makes a file system on a disk that it does not look at.
        ensure!(case::emulated(), "{kernel}: only in a guest of the ladder");
        mount_disk()?;
    }
    let mut counts = Counts::default();
    let scopes: [Scope; 6] = [
        ("strict", "user", case::user_scope),
        ("strict", "container", case::container_scope),
        ("token", "container", case::token_scope),
        ("daemon", "user", case::daemon_user_scope),
        ("daemon", "container", case::daemon_container_scope),
        ("daemon", "rootless container", case::daemon_rootless_scope),
    ];
    for (grant, scope, run) in scopes {
        // Emulated, that takes minutes for each scope. Who asks is told apart in the same way for every tool: one scope of
        // the daemon shows its tools, and the daemon's own tests show the scopes.
        if kernel != "here" && grant == "daemon" && scope != "rootless container" {
            continue;
        }
        for case in CASES {
            let name = format!("{kernel}: owner {} {grant} {scope}", case.tool);
            let Some(expected) = expected(grant, kernel, case.tool)? else {
                counts.test(&name, filter, || {
                    Ok(Some(format!("kernels.md has no column {kernel} for the {grant} grant")))
                });
                continue;
            };
            let run = |case: &Case| {
                let _limit = if LIMITED.contains(&case.tool) { Some(Limit::new()?) } else { None };
                run(case)
            };
            let run = |case| match twice(&name, || run(case)) {
                Ok(Outcome::Disturbed(_)) => run(case),
                result => result,
            };
            counts.test(&name, filter, || match (run(case)?, expected) {
                (Outcome::Passed, Expected::Works) => Ok(None),
                (Outcome::Disturbed(why), Expected::Works) => Ok(Some(why)),
                (Outcome::Disturbed(why), Expected::Lacks(_)) => bail!("it runs: {why}"),
                (Outcome::NotHere(_), Expected::Lacks(what)) => Ok(Some(what)),
                (Outcome::NotHere(why), Expected::Works) => bail!("kernels.md says that it works: {why}"),
                (Outcome::Passed, Expected::Lacks(what)) => bail!("it works, but kernels.md says: {what}"),
            });
        }
    }
    for kind in filesystems::KINDS {
        let name = format!("{kernel}: files on {}", kind.name);
        counts.test(&name, filter, || match filesystems::missing(kind) {
            None => twice(&name, || filesystems::test(kind)).map(|()| None),
            why => Ok(why),
        });
    }
    counts.test(&format!("{kernel}: writeback is its cgroup's"), filter, || match writeback::missing() {
        Some(why) => Ok(Some(why)),
        None => writeback::test().map(|()| None),
    });
    counts.test(&format!("{kernel}: funclatency at functions of the kernel"), filter, || {
        match (cases::funclatency::of_the_kernel()?, kernel) {
            (Some(why), "here") => Ok(Some(why)),
            (Some(why), _) => bail!("guests can trace them: {why}"),
            (None, _) => Ok(None),
        }
    });
    let mut plain = |name: &str, test: &dyn Fn() -> Result<()>| {
        counts.test(&format!("{kernel}: {name}"), filter, || test().map(|()| None));
    };
    plain("hostile names in text", &hostile::text);
    plain("hostile names in JSON", &hostile::json);
    plain("preempted at a user function", &preempted::uprobe);
    plain("preempted at a tracepoint", &preempted::tracepoint);
    plain("samples after so many events", &sampling::by_period);
    let name = "samples without perf events";
    plain(name, &|| twice(name, sampling::by_run_time));
    plain("no grant", &refusals::no_grant);
    plain("scopes that are not one's own", &refusals::scopes);
    plain("--on-loss", &refusals::lost);
    plain("signals", &refusals::signals);
    plain("a delegation with one piece missing", &|| token::one_piece_missing(kernel));
    plain("the doctor", &|| token::doctors(kernel));
    // Emulated, 600,000 opens take minutes, and the counters are the same.
    if kernel == "here" {
        counts.test("here: the verifier's work", filter, verifier::test);
        counts.test("here: a new tool in five steps", filter, newtool::five_steps);
        let mut plain = |name: &str, test: &dyn Fn() -> Result<()>| {
            counts.test(&format!("{kernel}: {name}"), filter, || test().map(|()| None));
        };
        for (name, test) in daemon::TESTS {
            plain(&format!("daemon: {name}"), test);
        }
        for (name, _) in containers::TESTS {
            plain(&format!("containers: {name}"), &|| twice(name, || containers::run(name)));
        }
        // Guests have no shell.
        plain("a command's exit status", &refusals::commands);
        plain("a closed pipe", &refusals::closed_pipe);
        plain("loss is counted, text", &|| loss::test(loss::Reader::Text));
        plain("loss is counted, JSON", &|| loss::test(loss::Reader::Json));
        plain("loss is counted, stalled reader", &|| loss::test(loss::Reader::Stalled));
    }
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    if counts.failed > 0 {
        bail!("{} tests failed", counts.failed);
    }
    Ok(())
}
