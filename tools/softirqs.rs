//! softirqs: time in the handlers of softirqs.

use std::borrow::Cow;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_hist, cbpf_tally};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Interval, Pace, Shared};
use cbpf_common::out::{Column, Label, Out};
use cbpf_common::owner::Scope;
use cbpf_common::session::Session;

use crate::shared::hists;
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Print histograms instead of sums
    #[arg(short, long)]
    distributed: bool,
    /// Also print how often each ran
    #[arg(short = 'C', long = "count", id = "with_count")]
    with_count: bool,
    /// Only softirqs on this CPU
    #[arg(short = 'c', long = "cpu", value_name = "CPU", value_parser = options::cpu)]
    only_cpu: Option<i32>,
    /// Print the time above each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Nanoseconds instead of microseconds
    #[arg(short = 'N', long)]
    nanoseconds: bool,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "softirqs";
    const ABOUT: &'static str = "Sum up the time that handlers of softirqs take";
    const NOTES: &'static str = "In scopes user and container: only handlers that ran on top of one of your own \
        tasks, so what is shown is time taken from those tasks, and often not on their behalf. In scope host: all \
        handlers, also those that the ksoftirqd threads run. How long a softirq waited for its handler is not \
        included.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf softirqs", "which softirqs take time from your tasks, and how much"),
        ("cbpf softirqs -C -T 1 10", "the same with counts, every second, ten times"),
        ("cbpf softirqs -d -N --scope host", "how long the handlers of the whole machine run"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("distributed", self.distributed)
            .knob("unit", if self.nanoseconds { 1 } else { 1000u32 })
            .knob("only_cpu", self.only_cpu.unwrap_or(-1))
            .entries(if self.distributed { "tallies" } else { "hists" }, 1);
        Ok(())
    }
}

/// As /proc/softirqs numbers them; they have been the same since 4.8.
const NAMES: [&str; 10] =
    ["hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu"];

fn name(nr: u32) -> Cow<'static, str> {
    let known = usize::try_from(nr).ok().and_then(|nr| NAMES.get(nr));
    known.map_or_else(|| format!("softirq {nr}").into(), |name| (*name).into())
}

impl Tool {
    fn columns(&self) -> [Column; 4] {
        [
            Column::left("SOFTIRQ", "softirq", 16),
            Column::right("TOTAL_usecs", "total_us", 11).when(!self.nanoseconds),
            Column::right("TOTAL_nsecs", "total_ns", 11).when(self.nanoseconds),
            Column::right("TOTAL_count", "count", 11).when(self.with_count),
        ]
    }

    fn print(&self, out: &mut Out, mut gained: Vec<(u32, cbpf_tally)>) -> Result<()> {
        let columns = self.columns();
        out.line("")?;
        if self.timestamp {
            out.time_line()?;
        }
        out.header(&columns)?;
        gained.sort_by_key(|(nr, _)| *nr);
        for (nr, tally) in &gained {
            out.row("count", None, &columns, |row| {
                row.text(&*name(*nr)).u64(tally.total / 1000).u64(tally.total).u64(tally.count);
            })?;
        }
        Ok(())
    }

    fn print_hists(&self, out: &mut Out, gained: Vec<(u32, cbpf_hist)>) -> Result<()> {
        let named = gained.into_iter().map(|(nr, hist)| (name(nr), hist)).collect();
        let unit = if self.nanoseconds { "nsecs" } else { "usecs" };
        hists::print(out, self.timestamp, unit, named, |name, _| vec![("softirq", Label::Text(name.as_bytes()))])
    }
}

/// What was seen in either kind of map.
#[derive(Debug, Default)]
pub struct Seen {
    tallies: Deltas<cbpf_tally>,
    hists: Deltas<cbpf_hist>,
}

impl Report for Tool {
    type State = Seen;

    const OWN_HEADER: bool = true;

    fn table(&self) -> Vec<Column> {
        self.columns().to_vec()
    }

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn heading(&self, context: &Context) -> Option<&'static str> {
        Some(match context.scope {
            Scope::User => "Time that softirqs took from your own tasks",
            Scope::Container => "Time that softirqs took from the tasks of this container",
            Scope::Host => "Time in softirqs, whole machine",
        })
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Seen, out: &mut Out) -> Result<u64> {
        Ok(if self.distributed {
            let (gained, events) = seen.hists.step(session.snapshot("hists")?);
            self.print_hists(out, gained)?;
            events
        } else {
            let (gained, events) = seen.tallies.step(session.snapshot("tallies")?);
            self.print(out, gained)?;
            events
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;
    use cbpf_common::out::Format;

    fn tool(args: &[&str]) -> Tool {
        parsed(args).expect("options")
    }

    fn shown(format: Format, args: &[&str]) -> String {
        let tally = |count, total| cbpf_tally { count, total, ..Default::default() };
        let mut out = Out::memory(format);
        tool(args).print(&mut out, vec![(9, tally(2, 3_999)), (1, tally(1, 70_000))]).expect("memory");
        out.take()
    }

    #[test]
    fn in_the_kernels_order_with_counts_if_asked_for() {
        assert_eq!(
            shown(Format::Text, &[]),
            "\nSOFTIRQ          TOTAL_usecs\n\
             timer                     70\n\
             rcu                        3\n"
        );
        let counted = shown(Format::Text, &["-N", "-C", "-T"]);
        assert!(counted.starts_with("\n05:06:07\nSOFTIRQ          TOTAL_nsecs TOTAL_count\n"), "{counted}");
        assert!(counted.ends_with("rcu                     3999           2\n"), "{counted}");
    }

    #[test]
    fn json_has_every_field() {
        let rows = shown(Format::Json, &[]);
        assert!(rows.contains(r#""softirq":"rcu","total_us":3,"total_ns":3999,"count":2}"#), "{rows}");
    }

    #[test]
    fn histograms_have_titles_and_a_softirq_that_is_new_a_number() {
        let hist = |n| {
            let mut hist = cbpf_hist::default();
            hist.slots[3] = n;
            hist
        };
        let mut out = Out::memory(Format::Text);
        tool(&["-d"]).print_hists(&mut out, vec![(10, hist(1)), (3, hist(2))]).expect("memory");
        let text = out.take();
        assert!(text.starts_with("\nsoftirq = net_rx\n     usecs "), "{text}");
        assert!(text.contains("\n\nsoftirq = softirq 10\n"), "{text}");
    }
}
