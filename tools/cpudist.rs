//! cpudist: how long tasks run at a stretch, or do not run.

use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_comm, cbpf_hist};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Shared};
use cbpf_common::out::{Label, Out, until_nul};
use cbpf_common::session::Session;

use crate::hists::{self, Labels};
use crate::run::Context;
use crate::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// The time off the CPU instead: asleep, or waiting for a CPU
    #[arg(short = 'O', long = "offcpu")]
    off_cpu: bool,
    /// Print the time above each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Milliseconds instead of microseconds
    #[arg(short, long)]
    milliseconds: bool,
    /// A histogram for each process
    #[arg(short = 'P', long = "pids", id = "by_process", group = "by")]
    by_process: bool,
    /// A histogram for each thread
    #[arg(short = 'L', long = "tids", id = "by_thread", group = "by")]
    by_thread: bool,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "cpudist";
    const ABOUT: &'static str = "Show how long tasks ran each time that they had a CPU, or were off it, as a histogram";
    const NOTES: &'static str = "A run is counted when it ends, because the task sleeps or because others get their turn. One that \
        had begun before the trace is not counted, nor one that goes on after it.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf cpudist", "how long your tasks run at a stretch, until Ctrl-C"),
        ("cbpf cpudist -P 5", "every 5 seconds, a histogram for each process"),
        ("cbpf cpudist -O -m -- make", "how long a build and its children sleep or wait, in milliseconds"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        let comm_of = match self {
            Self { by_process: true, .. } => cbpf_comm::CBPF_PROCESS_COMM,
            Self { by_thread: true, .. } => cbpf_comm::CBPF_THREAD_COMM,
            _ => cbpf_comm::CBPF_NO_COMM,
        };
        plan.knob("comm_of", comm_of.0)
            .knob("milliseconds", self.milliseconds)
            .knob("by_process", self.by_process)
            .knob("by_thread", self.by_thread)
            .knob("off_cpu", self.off_cpu);
        if !(self.by_process || self.by_thread) {
            plan.entries("hists", 1);
        }
        Ok(())
    }
}

impl Tool {
    fn labels<'a>(&self, key: u32, hist: &'a cbpf_hist) -> Labels<'a> {
        let key = Label::U64(key.into());
        let comm = ("comm", Label::Text(until_nul(&hist.comm)));
        match self {
            Self { by_process: true, .. } => vec![("pid", key), comm],
            Self { by_thread: true, .. } => vec![("tid", key), comm],
            _ => Labels::new(),
        }
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn interval(&self) -> (Option<Duration>, Option<u64>) {
        (self.interval.interval, self.interval.count)
    }

    fn heading(&self, _: &Context) -> Option<&'static str> {
        Some(if self.off_cpu { "Time off the CPU" } else { "Time on the CPU" })
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step::<u32>(session.snapshot("hists")?);
        let unit = if self.milliseconds { "msecs" } else { "usecs" };
        hists::print(out, self.timestamp, unit, gained, |key, hist| self.labels(*key, hist))?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::parsed;

    fn titles(args: &[&str]) -> Vec<&'static str> {
        let tool: Tool = parsed(args).expect("options");
        tool.labels(7, &cbpf_hist::default()).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_histogram_says_whose_it_is() {
        assert_eq!(titles(&[]), Vec::<&str>::new());
        assert_eq!(titles(&["-P"]), ["pid", "comm"]);
        assert_eq!(titles(&["--tids", "1", "5"]), ["tid", "comm"]);
        assert!(parsed::<Tool>(&["-P", "-L"]).is_err());
    }
}
