//! syscount: how often each system call is made, and how long it takes.

use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_comm, cbpf_tally, syscount_call, syscount_key};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Pace, Shared};
use cbpf_common::out::{Column, Format, Out, until_nul};
use cbpf_common::session::Session;
use nix::errno::Errno;
use syscall_numbers::{x32, x86, x86_64};

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Report every SECONDS seconds; 0, the default: once at the end
    #[arg(short, long, value_name = "SECONDS", value_parser = interval)]
    interval: Option<Duration>,
    /// Print at most this many rows [default: 10, with --json all]
    #[arg(short = 'T', long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Only calls that failed or were interrupted
    #[arg(short = 'x', long)]
    failures: bool,
    /// Only calls that failed with this error, a number or a name such as ENOENT
    #[arg(short = 'e', long, value_name = "ERRNO", value_parser = errno)]
    errno: Option<u32>,
    /// Also measure the time from call to return, and sort by it
    #[arg(short = 'L', long)]
    latency: bool,
    /// Print times in milliseconds instead of microseconds
    #[arg(short, long)]
    milliseconds: bool,
    /// Count by process instead of by system call
    #[arg(short = 'P', long)]
    process: bool,
    /// With -P: by process and system call
    #[arg(short = 'S', long, requires = "process")]
    syscall: bool,
    /// List the system calls that have a name here
    #[arg(short, long)]
    list: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { options::seconds(text) }
}

fn errno(text: &str) -> Result<u32, String> {
    let named = |n: &i32| {
        let name = Errno::from_raw(*n);
        name != Errno::UnknownErrno && format!("{name:?}").eq_ignore_ascii_case(text)
    };
    let number = match &*text.to_ascii_uppercase() {
        "EWOULDBLOCK" => Some(libc::EWOULDBLOCK),
        "EDEADLOCK" => Some(libc::EDEADLOCK),
        "ENOTSUP" => Some(libc::ENOTSUP),
        _ => text.parse().ok().or_else(|| (1..4096).find(named)),
    };
    match number.and_then(|n| u32::try_from(n).ok()) {
        Some(n @ 1..4096) => Ok(n),
        _ => Err("not the name of an error, nor a number from 1 to 4095".into()),
    }
}

impl tool::Tool for Tool {
    const NAME: &'static str = "syscount";
    const ABOUT: &'static str = "Count system calls, and the time they take";
    const NOTES: &'static str = "A call counts when it returns: one that blocks counts when it is over, and exit \
        never does. Calls of 32-bit programs are named i386:NAME. Calls that were under way when the trace began, or \
        that seccomp refused, are counted by -L without their time. What io_uring does is not a system call.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf syscount -i 5", "every 5 seconds, the 10 calls that you make most often"),
        ("cbpf syscount -L -m -p 4711", "where a process spends its time in the kernel"),
        ("cbpf syscount -x -P -S", "which calls fail in which process"),
        ("cbpf syscount -e ENOENT -- make", "how many names `make` looks up and does not find"),
    ];

    fn answer(&self) -> Option<String> {
        let names = |compat| {
            (0..1024).filter_map(move |nr| {
                let (abi, name) = name(syscount_call { nr, compat });
                Some(format!("{nr:3}: {}\n", qualified(abi, name?)))
            })
        };
        self.list.then(|| names(0).chain(names(1)).collect())
    }

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        let comm_of = if self.process { cbpf_comm::CBPF_PROCESS_COMM } else { cbpf_comm::CBPF_NO_COMM };
        plan.knob("latency", self.latency)
            .knob("failed_only", self.failures)
            .knob("only_errno", self.errno.unwrap_or(0))
            .knob("by_process", self.process)
            .knob("by_syscall", self.by_syscall())
            .knob("comm_of", comm_of.0);
        Ok(())
    }
}

/// The kind of program that makes the call, and the call's name if it has one.
fn name(call: syscount_call) -> (&'static str, Option<&'static str>) {
    let nr = call.nr.into();
    match call {
        syscount_call { compat: 1, .. } => ("i386", x86::sys_call_name(nr)),
        syscount_call { nr: X32.., .. } => ("x32", x32::sys_call_name(nr)),
        _ => ("x86_64", x86_64::sys_call_name(nr)),
    }
}

/// Set in the numbers of x32 programs.
const X32: i32 = 0x4000_0000;

fn qualified(abi: &str, name: &str) -> String {
    if abi == "x86_64" { name.into() } else { format!("{abi}:{name}") }
}

impl Tool {
    fn by_syscall(&self) -> bool {
        !self.process || self.syscall
    }

    fn columns(&self) -> Vec<Column> {
        let (micro, milli) = (self.latency && !self.milliseconds, self.latency && self.milliseconds);
        vec![
            Column::left("PID", "pid", 6).when(self.process),
            Column::left("COMM", "comm", 15).when(self.process),
            Column::left("SYSCALL", "syscall", 22).when(self.by_syscall()),
            Column::left("", "abi", 0).when(false),
            Column::left("", "nr", 0).when(false),
            Column::right("COUNT", "count", 8),
            Column::right("TIME (us)", "time_us", 16).when(micro),
            Column::right("TIME (ms)", "time_ms", 16).when(milli),
        ]
    }

    fn print(&self, out: &mut Out, mut gained: Vec<(syscount_key, cbpf_tally)>) -> Result<()> {
        let mut time = b"[".to_vec();
        let now = out.clock().now();
        out.clock().hms(&mut time, now);
        time.push(b']');
        out.line(time)?;
        let columns = self.columns();
        out.header(&columns)?;
        gained.sort_by_key(|(key, tally)| {
            let size = if self.latency { (tally.total, tally.count) } else { (tally.count, 0) };
            (std::cmp::Reverse(size), key.pid, key.call.nr, key.call.compat)
        });
        let top = match (self.top, out.format()) {
            (Some(rows), _) => rows as usize,
            (None, Format::Text) => 10,
            (None, Format::Json) => usize::MAX,
        };
        for (key, tally) in gained.iter().take(top) {
            out.row("count", None, &columns, |row| {
                if self.process {
                    row.u64(key.pid).text(until_nul(&tally.comm));
                } else {
                    row.none().none();
                }
                if self.by_syscall() {
                    let (abi, name) = name(key.call);
                    let name = name.map_or_else(|| format!("[unknown: {}]", key.call.nr), str::to_owned);
                    row.text(qualified(abi, &name)).text(abi).i64(key.call.nr);
                } else {
                    row.none().none().none();
                }
                row.u64(tally.count);
                if self.latency {
                    row.float(tally.total as f64 / 1e3, 3).float(tally.total as f64 / 1e6, 3);
                } else {
                    row.none().none();
                }
            })?;
        }
        out.line("")?;
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_tally>;

    const OWN_HEADER: bool = true;

    fn table(&self) -> Vec<Column> {
        self.columns()
    }

    fn pace(&self) -> Pace {
        (self.interval.filter(|i| !i.is_zero()), None)
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step(session.snapshot("tallies")?);
        self.print(out, gained)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;

    fn tool(args: &[&str]) -> Tool {
        parsed(args).expect("options")
    }

    fn counted(nr: i32, compat: u32, count: u64, total: u64) -> (syscount_key, cbpf_tally) {
        let key = syscount_key { pid: 7, call: syscount_call { nr, compat } };
        let mut tally = cbpf_tally { count, total, ..Default::default() };
        tally.comm[..2].copy_from_slice(b"dd");
        (key, tally)
    }

    fn text(args: &[&str], gained: Vec<(syscount_key, cbpf_tally)>) -> String {
        let mut out = Out::memory(if args.contains(&"-J") { Format::Json } else { Format::Text });
        let args: Vec<&str> = args.iter().copied().filter(|a| *a != "-J").collect();
        tool(&args).print(&mut out, gained).expect("memory");
        out.take()
    }

    #[test]
    fn the_most_frequent_calls_come_first() {
        assert_eq!(
            text(&["-T", "2"], vec![counted(1, 0, 5, 0), counted(0, 0, 9, 0), counted(2, 0, 1, 0)]),
            "[05:06:07]\n\
             SYSCALL                   COUNT\n\
             read                          9\n\
             write                         5\n\n"
        );
    }

    #[test]
    fn with_latency_the_slowest_come_first() {
        assert_eq!(
            text(&["-L", "-P", "-S"], vec![counted(1, 0, 5, 2_500), counted(0, 0, 1, 1_234_567)]),
            "[05:06:07]\n\
             PID    COMM            SYSCALL                   COUNT        TIME (us)\n\
             7      dd              read                          1         1234.567\n\
             7      dd              write                         5            2.500\n\n"
        );
        assert!(text(&["-L", "-m"], vec![counted(0, 0, 1, 1_234_567)]).ends_with(" 1.235\n\n"));
    }

    #[test]
    fn a_call_has_the_name_that_its_caller_knows() {
        let rows = text(&["-J"], vec![counted(3, 0, 4, 0), counted(3, 1, 3, 0), counted(X32 | 3, 0, 2, 0), counted(999, 0, 1, 0)]);
        let names = ["close", "i386:read", "x32:close", "[unknown: 999]"];
        for (row, name) in rows.lines().zip(names) {
            assert!(row.contains(&format!("\"syscall\":\"{name}\"")), "{row}");
        }
        assert_eq!(rows.lines().count(), 4);
        assert!(rows.contains("\"pid\":null") && rows.contains("\"time_us\":null"), "{rows}");
    }

    #[test]
    fn errors_have_numbers_and_names() {
        for (text, number) in [("ENOENT", 2), ("enoent", 2), ("22", 22), ("EWOULDBLOCK", 11)] {
            assert_eq!(errno(text), Ok(number));
        }
        for bad in ["", "0", "-2", "4096", "ENOTHING", "UnknownErrno"] {
            assert!(errno(bad).is_err(), "{bad}");
        }
        assert!(tool(&["-i", "0"]).pace().0.is_none());
        assert!(parsed::<Tool>(&["-S"]).is_err());
    }

    #[test]
    fn the_list_has_both_kinds_of_programs() {
        let list = tool::Tool::answer(&tool(&["-l"])).expect("a list");
        assert!(list.starts_with("  0: read\n") && list.contains("\n  3: i386:read\n"));
    }
}
