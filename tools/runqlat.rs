//! runqlat: how long tasks wait for a CPU.

use anyhow::Result;
use cbpf_bpf::events::cbpf_hist;
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Pace, Shared, Unit};
use cbpf_common::out::{Label, Out};
use cbpf_common::session::Session;

use crate::shared::hists::{self, By, Labels};
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time above each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    #[command(flatten)]
    unit: Unit,
    /// A histogram for each pid namespace
    #[arg(long = "pidnss", group = "by")]
    by_pidns: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "runqlat";
    const ABOUT: &'static str = "Show how long runnable tasks waited for a CPU (run queue latency), as a histogram";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf runqlat", "all of your tasks together, until Ctrl-C"),
        ("cbpf runqlat -P 5", "every 5 seconds, a histogram for each process"),
        ("cbpf runqlat -m -- make -j8", "a build that competes for CPUs, in milliseconds"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("comm_of", self.by.comm().0)
            .knob("unit", self.unit.ns())
            .knob("by_pidns", self.by_pidns);
        if self.by == By::default() && !self.by_pidns {
            plan.entries("hists", 1);
        }
        Ok(())
    }
}

impl Tool {
    fn labels<'a>(&self, key: u32, hist: &'a cbpf_hist) -> Labels<'a> {
        if self.by_pidns { vec![("pidns", Label::U64(key.into()))] } else { self.by.labels(key, hist) }
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step::<u32>(session.snapshot("hists")?);
        hists::print(out, self.timestamp, self.unit.name(), gained, |key, hist| self.labels(*key, hist))?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;

    fn titles(args: &[&str]) -> Vec<&'static str> {
        let tool: Tool = parsed(args).expect("options");
        tool.labels(7, &cbpf_hist::default()).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_histogram_says_whose_it_is() {
        assert_eq!(titles(&[]), Vec::<&str>::new());
        assert_eq!(titles(&["-P"]), ["pid", "comm"]);
        assert_eq!(titles(&["--tids", "1", "5"]), ["tid", "comm"]);
        assert_eq!(titles(&["--pidnss"]), ["pidns"]);
        assert!(parsed::<Tool>(&["-P", "-L"]).is_err());
    }
}
