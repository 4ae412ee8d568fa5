//! What `cbpf opensnoop` costs, beside libbpf-tools' opensnoop: `cbpf-bench [--turns N] [PART…]`, as root.
//!
//! Parts: `call` (CPU time added to the traced task), `start`, `lone` (how soon a single event is seen), `loss`,
//! `memory`; none named: all. Baseline and tools take turns, so that a machine that gets busier meets all of them
//! alike; every figure is given as minimum and median over the turns, and ratios are of one run.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "where it cannot say how a test went, it may panic")]

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_tests::process;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{OutputFlags, SetArg, tcgetattr, tcsetattr};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Where Debian's package puts it.
const PEER: &str = "/usr/sbin/opensnoop";
/// Not root's, whose opens the tools report here.
const OTHER_UID: u32 = 65534;
/// Longer than any of them takes to start on a busy machine.
const STARTED: Duration = Duration::from_millis(500);
/// The file that the load opens.
const TARGET: &str = "/etc/passwd";
/// Rows that two loops should leave behind.
const LOSS_OPENS: u64 = 2 * 300_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["work", load, calls, rounds, uid] => work(load, calls, rounds, uid),
        ["--turns", turns, ref parts @ ..] => turns.parse().map_err(Into::into).and_then(|turns| bench(turns, parts)),
        ref parts => bench(7, parts),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("cbpf-bench: {e:#}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Cbpf,
    Peer,
}

struct Bench {
    turns: usize,
    cbpf: PathBuf,
    peer: bool,
}

fn bench(turns: usize, parts: &[&str]) -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "the comparison runs as root, as libbpf-tools demands");
    let bench = Bench { turns, cbpf: process::cbpf()?, peer: Path::new(PEER).exists() };
    own_tracefs()?;
    if !bench.peer {
        println!("no {PEER} (package libbpf-tools): its columns stay empty");
    }
    type Part = fn(&Bench) -> Result<()>;
    let runs: [(&str, Part); 5] = [
        ("call", Bench::calls),
        ("start", Bench::starts),
        ("lone", Bench::lone),
        ("loss", Bench::loss),
        ("memory", Bench::memory),
    ];
    if let Some(part) = parts.iter().find(|part| runs.iter().all(|(name, _)| name != *part)) {
        bail!("no part {part}");
    }
    println!(
        "{:34}{:>17}{:>17}{:>17}{:>15}",
        format!("{turns} turns, min / median"),
        "baseline",
        "cbpf",
        "libbpf-tools",
        "cbpf : peer"
    );
    for (name, run) in runs {
        if parts.is_empty() || parts.contains(&name) {
            run(&bench)?;
        }
    }
    Ok(())
}

/// The peer attaches through tracefs, which is not mounted everywhere; it is mounted for us and our children alone.
fn own_tracefs() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    match mount(Some("tracefs"), "/sys/kernel/tracing", Some("tracefs"), MsFlags::empty(), none) {
        Err(Errno::EBUSY) => Ok(()), // it is there
        result => result.context("no tracefs"),
    }
}

/// A line of the table: what each side took in each turn.
#[derive(Default)]
struct Line {
    nobody: Vec<f64>,
    cbpf: Vec<f64>,
    peer: Vec<f64>,
}

impl Line {
    fn of(&mut self, side: Side) -> &mut Vec<f64> {
        match side {
            Side::Cbpf => &mut self.cbpf,
            Side::Peer => &mut self.peer,
        }
    }

    /// The baseline's minimum from each minimum, and each turn's baseline from the values of that turn.
    fn added(&self, side: &[f64]) -> Option<[f64; 2]> {
        let mut turns: Vec<f64> = side.iter().zip(&self.nobody).map(|(with, without)| with - without).collect();
        turns.sort_by(f64::total_cmp);
        Some([min_median(side)?[0] - min_median(&self.nobody)?[0], median(&turns)?])
    }

    /// Prints what the sides cost themselves.
    fn print(&self, name: &str) {
        row(name, min_median(&self.nobody), min_median(&self.cbpf), min_median(&self.peer));
    }

    /// Prints what they add to the baseline.
    fn print_added(&self, name: &str) {
        row(name, min_median(&self.nobody), self.added(&self.cbpf), self.added(&self.peer));
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

fn min_median(values: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some([*sorted.first()?, median(&sorted)?])
}

fn row(name: &str, nobody: Option<[f64; 2]>, cbpf: Option<[f64; 2]>, peer: Option<[f64; 2]>) {
    let cell = |pair: Option<[f64; 2]>, plus: &str| match pair {
        // A cost below nothing is noise, but hiding it would hide how much noise there is.
        Some([a, b]) if a.abs() < 100.0 && b.abs() < 100.0 => format!("{plus}{a:.1} / {plus}{b:.1}"),
        Some([a, b]) => format!("{plus}{a:.0} / {plus}{b:.0}"),
        None => String::new(),
    };
    let plus = if nobody.is_some() { "+" } else { "" };
    let ratio = cbpf.zip(peer).map(|(ours, theirs)| [ours[0] / theirs[0], ours[1] / theirs[1]]);
    let ratio = ratio.map_or(String::new(), |[a, b]| format!("{a:.2} / {b:.2}"));
    let [nobody, cbpf, peer] = [cell(nobody, ""), cell(cbpf, plus), cell(peer, plus)].map(|c| c.replace("+-", "-"));
    println!("{name:34}{nobody:>17}{cbpf:>17}{peer:>17}{ratio:>15}");
}

/// A tool that runs.
struct Tool {
    child: Child,
    side: Side,
}

impl Tool {
    /// Waits for the end and returns what it said: rows that it showed and events that it lost, as far as it says.
    fn stop(mut self) -> Result<(Option<u64>, u64)> {
        let died = self.child.try_wait()?;
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGINT)?;
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        ensure!(died.is_none(), "{:?} ended early: {said}", self.side);
        self.child.wait()?;
        match self.side {
            Side::Cbpf => {
                let counts = closing_counts(&said).with_context(|| format!("no closing line: {said}"))?;
                ensure!(counts[0] == counts[1] + counts[2], "matched is not shown + dropped: {said}");
                Ok((Some(counts[1]), counts[2]))
            }
            Side::Peer => {
                let lost = said.lines().filter_map(|l| l.strip_prefix("Lost ")?.split(' ').next()?.parse::<u64>().ok());
                Ok((None, lost.sum()))
            }
        }
    }
}

/// `matched N, shown N, dropped N` of cbpf's closing line.
fn closing_counts(said: &str) -> Option<[u64; 3]> {
    let line = said.lines().find_map(|l| l.strip_prefix("cbpf: matched "))?.replace("(", ", ");
    let number = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok();
    let mut parts = line.split(", ");
    Some([number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?])
}

impl Bench {
    fn sides(&self) -> impl Iterator<Item = Side> {
        let peer = self.peer.then_some(Side::Peer);
        [Side::Cbpf].into_iter().chain(peer)
    }

    fn command(&self, side: Side, args: &[&str]) -> Command {
        let mut command = match side {
            Side::Peer => Command::new(PEER),
            Side::Cbpf => Command::new(&self.cbpf),
        };
        if side == Side::Cbpf {
            command.arg("opensnoop");
        }
        command.args(args).stdin(Stdio::null());
        command
    }

    fn start(&self, side: Side, args: &[&str], out: Stdio) -> Result<Tool> {
        let child = self.command(side, args).stdout(out).stderr(Stdio::piped()).spawn()?;
        sleep(STARTED);
        Ok(Tool { child, side })
    }

    /// Nanoseconds of CPU time that the traced task itself spends on a call: programs run in its context are
    /// charged to it, whatever else the machine does.
    fn calls(&self) -> Result<()> {
        // (line, load, who does it, what the tools are told, calls in a turn)
        type Part = (&'static str, &'static str, u32, [&'static [&'static str]; 2], u32);
        let parts: [Part; 5] = [
            ("delivered open, bursts, ns", "bursts", 0, [&[], &[]], 10_000),
            ("delivered open, flat out, ns", "open", 0, [&[], &[]], 20_000),
            ("open filtered out (-p 1), ns", "open", 0, [&["-p", "1"], &["-p", "1"]], 20_000),
            ("open of another user, ns", "open", OTHER_UID, [&[], &["-u", "0"]], 20_000),
            ("getppid, ns", "getppid", 0, [&[], &[]], 200_000),
        ];
        for (name, load, uid, args, calls) in parts {
            let (mut line, mut dropped) = (Line::default(), Line::default());
            for _ in 0..self.turns {
                line.nobody.push(run_load(load, calls, uid)?);
                for side in self.sides() {
                    let tool = self.start(side, args[usize::from(side == Side::Peer)], Stdio::null())?;
                    let cost = run_load(load, calls, uid);
                    let (_, lost) = tool.stop()?;
                    line.of(side).push(cost?);
                    dropped.of(side).push(lost as f64 * 100.0 / f64::from(calls * ROUNDS));
                }
            }
            line.print_added(name);
            if dropped.cbpf.iter().chain(&dropped.peer).any(|share| *share >= 0.1) {
                dropped.print("  of them dropped, %");
            }
        }
        Ok(())
    }

    /// Milliseconds from exec to the first byte on a terminal, which is the header.
    fn starts(&self) -> Result<()> {
        let mut line = Line::default();
        for _ in 0..self.turns * 3 {
            for side in self.sides() {
                let (terminal, end) = terminal()?;
                let begin = Instant::now();
                // No rows: nobody reads them here.
                let child = self.command(side, &["-p", "1"]).stdout(end).stderr(Stdio::piped()).spawn()?;
                wait_readable(&terminal)?;
                line.of(side).push(begin.elapsed().as_secs_f64() * 1e3);
                Tool { child, side }.stop()?;
            }
        }
        line.print("exec to header, ms");
        Ok(())
    }

    /// Milliseconds from an open after 100 ms of silence, and from one a millisecond after another, to their rows.
    fn lone(&self) -> Result<()> {
        let me = std::process::id().to_string();
        let (mut lone, mut second) = (Line::default(), Line::default());
        for side in self.sides() {
            let (terminal, end) = terminal()?;
            let child = self.command(side, &["-p", &me]).stdout(end).stderr(Stdio::piped()).spawn()?;
            sleep(STARTED);
            let mut rows = BufReader::new(File::from(terminal));
            let mut seen = |name: &str| -> Result<()> {
                let mut row = String::new();
                while !row.contains(name) {
                    row.clear();
                    ensure!(rows.read_line(&mut row)? > 0, "the tool ended");
                }
                Ok(())
            };
            for n in 0..self.turns * 3 {
                sleep(Duration::from_millis(100));
                for (which, line) in [("a", &mut lone), ("b", &mut second)] {
                    let name = format!("/no-{which}-{n}-such");
                    let begin = Instant::now();
                    ensure!(File::open(&name).is_err());
                    seen(&name)?;
                    line.of(side).push(begin.elapsed().as_secs_f64() * 1e3);
                    sleep(Duration::from_millis(1));
                }
            }
            Tool { child, side }.stop()?;
        }
        lone.print("open after silence to row, ms");
        second.print("open 1 ms after that row, ms");
        Ok(())
    }

    /// Two loops at once, the rows going to a file: the share of the opens that is not in it.
    fn loss(&self) -> Result<()> {
        let mut line = Line::default();
        let path = std::env::temp_dir().join(format!("cbpf-bench-{}", std::process::id()));
        for _ in 0..self.turns {
            for side in self.sides() {
                let tool = self.start(side, &[], File::create(&path)?.into())?;
                let calls = (LOSS_OPENS / 2 / u64::from(ROUNDS)) as u32;
                let loops = [start_load("open", calls, 0)?, start_load("open", calls, 0)?];
                for child in loops {
                    end_load(child)?;
                }
                let (shown, _) = tool.stop()?;
                let rows = BufReader::new(File::open(&path)?).split(b'\n').collect::<std::io::Result<Vec<_>>>()?;
                if let Some(shown) = shown {
                    ensure!(rows.len() as u64 == shown + 1, "{} lines, but {shown} shown", rows.len());
                }
                let there = rows.iter().filter(|r| find(r, b"bench-wk") && r.ends_with(TARGET.as_bytes())).count();
                line.of(side).push(100.0 - there as f64 * 100.0 / LOSS_OPENS as f64);
            }
        }
        fs::remove_file(&path)?;
        line.print("lost of 600,000 opens, %");
        Ok(())
    }

    /// Memory after a load that filled the buffers, and the size of the binaries.
    fn memory(&self) -> Result<()> {
        let (mut rss, mut maps, mut size) = (Line::default(), Line::default(), Line::default());
        for side in self.sides() {
            let tool = self.start(side, &[], Stdio::null())?;
            run_load("open", 20_000, 0)?;
            let proc = PathBuf::from(format!("/proc/{}", tool.child.id()));
            rss.of(side).push(kib(&proc.join("status"), "VmHWM:")? / 1024.0);
            let mut locked = 0.0;
            for fd in fs::read_dir(proc.join("fdinfo"))? {
                let fd = fd?.path();
                if fs::read_to_string(&fd)?.contains("map_type:") {
                    locked += kib(&fd, "memlock:")? / 1024.0;
                }
            }
            maps.of(side).push(locked / 1024.0);
            tool.stop()?;
            let file = if side == Side::Peer { Path::new(PEER) } else { &self.cbpf };
            size.of(side).push(fs::metadata(file)?.len() as f64 / 1024.0);
        }
        rss.print("RSS at its highest, MiB");
        maps.print("memory of maps, MiB");
        size.print("binary, KiB");
        Ok(())
    }
}

fn find(row: &[u8], part: &[u8]) -> bool {
    row.windows(part.len()).any(|window| window == part)
}

/// The number behind a word in a file of /proc.
fn kib(path: &Path, word: &str) -> Result<f64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    let number =
        line.and_then(|rest| rest.split_whitespace().next()).with_context(|| format!("no {word} in {text}"))?;
    Ok(number.parse()?)
}

/// Both ends of a new terminal: there even the C library writes row by row. The program's end is the second.
fn terminal() -> Result<(OwnedFd, OwnedFd)> {
    let pty = openpty(None, None)?;
    let mut settings = tcgetattr(&pty.slave)?;
    settings.output_flags.remove(OutputFlags::OPOST);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &settings)?;
    Ok((pty.master, pty.slave))
}

fn wait_readable(fd: &OwnedFd) -> Result<()> {
    let ready = poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], PollTimeout::from(10_000u16))?;
    ensure!(ready == 1, "no header within 10 seconds");
    Ok(())
}

/// A load is measured so many times in one turn; the turn's figure is the lowest.
const ROUNDS: u32 = 5;

fn start_load(load: &str, calls: u32, uid: u32) -> Result<Child> {
    let mut command = Command::new(process::own_exe()?);
    command.args(["work", load, &calls.to_string(), &ROUNDS.to_string(), &uid.to_string()]);
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

fn end_load(child: Child) -> Result<f64> {
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the load failed");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn run_load(load: &str, calls: u32, uid: u32) -> Result<f64> {
    end_load(start_load(load, calls, uid)?)
}

/// The load itself, in a process of its own: prints the CPU time of a call, ns.
fn work(load: &str, calls: &str, rounds: &str, uid: &str) -> Result<()> {
    // SAFETY: the name is a C string; the kernel copies 16 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"bench-wk".as_ptr()) };
    let uid: u32 = uid.parse()?;
    if uid != 0 {
        nix::unistd::setresuid(uid.into(), uid.into(), uid.into())?;
    }
    let target = CString::new(TARGET)?;
    let open = || -> Result<()> {
        // SAFETY: a C string, and a descriptor that is nobody else's.
        let ok = unsafe { libc::close(libc::open(target.as_ptr(), libc::O_RDONLY)) } == 0;
        ensure!(ok, "cannot open {TARGET}");
        Ok(())
    };
    let calls: u32 = calls.parse()?;
    let mut lowest = f64::INFINITY;
    for _ in 0..rounds.parse()? {
        let begin = cpu_time()?;
        match load {
            "open" => (0..calls).try_for_each(|_| open())?,
            // A reader has time to keep up, so that all of them are delivered.
            "bursts" => {
                for _ in 0..calls / 100 {
                    (0..100).try_for_each(|_| open())?;
                    sleep(Duration::from_millis(1));
                }
            }
            "getppid" => (0..calls).for_each(|_| {
                // SAFETY: no arguments, no effects. The C library's own function would do as well, were it sure
                // to enter the kernel.
                unsafe { libc::syscall(libc::SYS_getppid) };
            }),
            _ => bail!("no load {load}"),
        }
        lowest = lowest.min((cpu_time()? - begin).as_nanos() as f64 / f64::from(calls));
    }
    println!("{lowest}");
    Ok(())
}

fn cpu_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}
