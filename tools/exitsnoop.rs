//! exitsnoop: processes and threads that end.

use std::fmt::{self, Display, Formatter};

use anyhow::Result;
use cbpf_bpf::events::exitsnoop_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::cli::run::Context;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time
    #[arg(short, long)]
    timestamp: bool,
    /// Only exits with a code other than 0, or by a signal
    #[arg(short = 'x', long)]
    failed: bool,
    /// Print each thread that exits instead of each process
    #[arg(short = 'T', long)]
    threaded: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "exitsnoop";
    const ABOUT: &'static str = "Trace exits of processes: their age and cause";
    const NOTES: &'static str = "A process exits with the last of its threads. The code is what its parent is told; \
        with -T it is the thread's own.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf exitsnoop", "every process of yours that exits"),
        ("cbpf exitsnoop -x -- make -j8", "which steps of a build fail, and how"),
        ("cbpf exitsnoop -T -p 4711", "the threads of one process that exit"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("by_thread", self.threaded).knob("failed_only", self.failed);
        Ok(())
    }
}

impl Stream for Tool {
    type Event = exitsnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8).when(self.timestamp),
            Column::left("PCOMM", "comm", 16),
            Column::left("PID", "pid", 7),
            Column::left("TID", "tid", 7).when(self.threaded),
            Column::left("PPID", "ppid", 7),
            Column::left("AGE(s)", "age_s", 7),
            Column::left("", "exit_code", 0).when(false),
            Column::left("", "signal", 0).when(false),
            Column::left("", "core_dumped", 0).when(false),
            Column::last("EXIT_CODE", "reason"),
        ]
    }

    fn row(&self, _: &Context, e: &exitsnoop_event, _: &[u8], row: &mut Row<'_>) {
        let (code, signal, dumped) = (e.code >> 8 & 0xff, e.code & 0x7f, e.code & 0x80 != 0);
        row.text(until_nul(&e.head.comm))
            .u64(e.head.pid)
            .u64(e.head.tid)
            .opt_u64((e.ppid != 0).then_some(e.ppid))
            .float(e.age as f64 / 1e9, 2)
            .opt_u64((signal == 0).then_some(code))
            .opt_u64((signal != 0).then_some(signal))
            .u64(u32::from(dumped))
            .display(Reason { code, signal, dumped });
    }
}

struct Reason {
    code: u32,
    signal: u32,
    dumped: bool,
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let signal = match (self.signal, self.code) {
            (0, 0) => return f.write_str("0"),
            (0, code) => return write!(f, "code {code}"),
            (signal, _) => signal,
        };
        match SIGNALS.get((signal as usize).wrapping_sub(1)) {
            Some(words) => write!(f, "signal {signal} ({words})")?,
            None => write!(f, "signal {signal} (Real-time signal {})", signal.saturating_sub(34))?,
        }
        f.write_str(if self.dumped { ", core dumped" } else { "" })
    }
}

/// The C library's words for signals, from 1.
const SIGNALS: [&str; 31] = [
    "Hangup",
    "Interrupt",
    "Quit",
    "Illegal instruction",
    "Trace/breakpoint trap",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Killed",
    "User defined signal 1",
    "Segmentation fault",
    "User defined signal 2",
    "Broken pipe",
    "Alarm clock",
    "Terminated",
    "Stack fault",
    "Child exited",
    "Continued",
    "Stopped (signal)",
    "Stopped",
    "Stopped (tty input)",
    "Stopped (tty output)",
    "Urgent I/O condition",
    "CPU time limit exceeded",
    "File size limit exceeded",
    "Virtual timer expired",
    "Profiling timer expired",
    "Window changed",
    "I/O possible",
    "Power failure",
    "Bad system call",
];

#[cfg(test)]
mod tests {
    use cbpf_bpf::events::cbpf_head;
    use cbpf_common::out::{Format, Out};

    use super::*;

    fn show(threaded: bool, code: u32, format: Format) -> String {
        let tool = Tool { timestamp: false, failed: false, threaded };
        let columns = tool.columns();
        let mut e = exitsnoop_event { age: 1_234_567_890, code, ppid: 0, ..Default::default() };
        e.head = cbpf_head { pid: 7, tid: 8, ..Default::default() };
        e.head.comm[..2].copy_from_slice(b"sh");
        let mut out = Out::memory(format);
        out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e, &[], row)).unwrap();
        out.take()
    }

    #[test]
    fn a_code_a_signal_and_neither() {
        let row = |code| show(false, code, Format::Text);
        assert_eq!(row(0), "sh               7       -       1.23    0\n");
        assert!(row(3 << 8).ends_with(" code 3\n"));
        assert!(row(9).ends_with(" signal 9 (Killed)\n"));
        assert!(row(0x8b).ends_with(" signal 11 (Segmentation fault), core dumped\n"));
        assert!(row(34).ends_with(" signal 34 (Real-time signal 0)\n"));
        assert!(show(true, 0, Format::Text).starts_with("sh               7       8       -  "));
    }

    #[test]
    fn json_has_the_parts_of_the_code() {
        let row = show(false, 0x8b, Format::Json);
        assert!(row.contains(r#""ppid":null,"age_s":1.23456789,"exit_code":null,"signal":11,"core_dumped":1"#), "{row}");
        let row = show(false, 3 << 8, Format::Json);
        assert!(row.contains(r#""exit_code":3,"signal":null,"core_dumped":0,"reason":"code 3""#), "{row}");
    }
}
