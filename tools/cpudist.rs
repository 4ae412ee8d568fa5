//! cpudist: how long tasks run at a stretch, or do not run.

use anyhow::Result;
use cbpf_bpf::events::cbpf_hist;
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Pace, Shared, Unit};
use cbpf_common::out::Out;
use cbpf_common::session::Session;

use crate::shared::hists::{self, By};
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Measure the time off the CPU instead: asleep, or waiting for a CPU
    #[arg(short = 'O', long = "offcpu")]
    off_cpu: bool,
    /// Print the time above each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    #[command(flatten)]
    unit: Unit,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "cpudist";
    const ABOUT: &'static str = "Show how long tasks ran each time they were on a CPU, or were off it, as a histogram";
    const NOTES: &'static str = "A run is counted when it ends, because the task sleeps or because another task gets \
        its turn. A run that began before the trace, or ends after it, is not counted.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf cpudist", "how long your tasks run at a stretch, until Ctrl-C"),
        ("cbpf cpudist -P 5", "every 5 seconds, a histogram for each process"),
        ("cbpf cpudist -O -m -- make", "how long a build and its children sleep or wait, in milliseconds"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("comm_of", self.by.comm().0)
            .knob("unit", self.unit.ns())
            .knob("off_cpu", self.off_cpu);
        if self.by == By::default() {
            plan.entries("hists", 1);
        }
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn heading(&self, _: &Context) -> Option<&'static str> {
        Some(if self.off_cpu { "Time off the CPU" } else { "Time on the CPU" })
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step::<u32>(session.snapshot("hists")?);
        hists::print(out, self.timestamp, self.unit.name(), gained, |key, hist| self.by.labels(*key, hist))?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;

    fn titles(args: &[&str]) -> Vec<&'static str> {
        let tool: Tool = parsed(args).expect("options");
        tool.by.labels(7, &cbpf_hist::default()).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_histogram_says_whose_it_is() {
        assert_eq!(titles(&[]), Vec::<&str>::new());
        assert_eq!(titles(&["-P"]), ["pid", "comm"]);
        assert_eq!(titles(&["--tids", "1", "5"]), ["tid", "comm"]);
        assert!(parsed::<Tool>(&["-P", "-L"]).is_err());
    }
}
