//! hardirqs: time in the handlers of device interrupts.

use std::cmp::Reverse;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_hist, cbpf_tally, hardirqs_key};
use cbpf_common::delta::{Deltas, max};
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Interval, Pace, Shared};
use cbpf_common::out::{Column, Label, Mark, Out, until_nul};
use cbpf_common::owner::Scope;
use cbpf_common::session::Session;

use crate::shared::hists::{self, Labels};
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Count each CPU by itself
    #[arg(short = 'C', long = "CPU")]
    by_cpu: bool,
    /// Print histograms instead of sums
    #[arg(short, long)]
    distributed: bool,
    /// Only interrupts on this CPU
    #[arg(short = 's', long = "cpu", value_name = "CPU", value_parser = options::cpu)]
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
    const NAME: &'static str = "hardirqs";
    const ABOUT: &'static str = "Sum up the time that handlers of device interrupts take";
    const NOTES: &'static str = "In scopes user and container: only handlers that interrupted one of your own tasks, \
        so what is shown is time taken from those tasks, and mostly not on their behalf. In scope host: all handlers. \
        The local timer and interrupts between CPUs (LOC, RES, CAL, TLB in /proc/interrupts) belong to no device and \
        are not shown, nor is what a handler leaves to a thread or to a softirq.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf hardirqs", "which devices interrupt your tasks, and for how long"),
        ("cbpf hardirqs -C -T 1 10", "the same for each CPU, every second, ten times"),
        ("cbpf hardirqs -d -N --scope host", "how long the handlers of the whole machine run"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("by_cpu", self.by_cpu)
            .knob("distributed", self.distributed)
            .knob("unit", if self.nanoseconds { 1 } else { 1000u32 })
            .knob("only_cpu", self.only_cpu.unwrap_or(-1))
            .knob("with_max", !self.distributed)
            .entries(if self.distributed { "tallies" } else { "hists" }, 1);
        Ok(())
    }
}

/// A name that fills its field may have been longer.
fn name(key: &hardirqs_key) -> (&[u8], Mark) {
    let name = until_nul(&key.name);
    (name, if name.len() + 1 < key.name.len() { Mark::Whole } else { Mark::Cut })
}

impl Tool {
    fn columns(&self) -> [Column; 7] {
        let (nano, micro) = (self.nanoseconds, !self.nanoseconds);
        [
            Column::left("HARDIRQ", "hardirq", 26),
            Column::right("TOTAL_count", "count", 11),
            Column::right("TOTAL_usecs", "total_us", 11).when(micro),
            Column::right("MAX_usecs", "max_us", 11).when(micro),
            Column::right("TOTAL_nsecs", "total_ns", 11).when(nano),
            Column::right("MAX_nsecs", "max_ns", 11).when(nano),
            Column::right("CPU", "cpu", 5).when(self.by_cpu),
        ]
    }

    fn print(&self, out: &mut Out, period: u64, mut gained: Vec<(hardirqs_key, cbpf_tally)>) -> Result<()> {
        let columns = self.columns();
        out.line("")?;
        if self.timestamp {
            out.time_line()?;
        }
        out.header(&columns)?;
        gained.sort_by_key(|(key, tally)| (Reverse(tally.total), key.name, key.cpu));
        for (key, tally) in &gained {
            let max = max(tally, period);
            out.row("count", None, &columns, |row| {
                let (name, mark) = name(key);
                row.text_with(name, mark).u64(tally.count).u64(tally.total / 1000).u64(max / 1000);
                row.u64(tally.total).u64(max).opt_u64(self.by_cpu.then_some(key.cpu));
            })?;
        }
        Ok(())
    }

    fn labels<'a>(&self, key: &'a hardirqs_key) -> Labels<'a> {
        let cpu = self.by_cpu.then_some(("cpu", Label::U64(key.cpu.into())));
        cpu.into_iter().chain([("hardirq", Label::Text(name(key).0))]).collect()
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
            Scope::User => "Time that interrupts took from your own tasks",
            Scope::Container => "Time that interrupts took from the tasks of this container",
            Scope::Host => "Time in interrupts, whole machine",
        })
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Seen, out: &mut Out) -> Result<u64> {
        if self.distributed {
            let (gained, events) = seen.hists.step(session.snapshot("hists")?);
            let unit = if self.nanoseconds { "nsecs" } else { "usecs" };
            hists::print(out, self.timestamp, unit, gained, |key, _| self.labels(key))?;
            return Ok(events);
        }
        let period = session.next_period()?;
        let (gained, events) = seen.tallies.step(session.snapshot("tallies")?);
        self.print(out, period, gained)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;
    use cbpf_common::out::Format;

    fn text(format: Format, args: &[&str]) -> String {
        let counted = |name: &[u8], cpu, count, total, max| {
            let mut key = hardirqs_key { cpu, ..Default::default() };
            key.name[..name.len()].copy_from_slice(name);
            (key, cbpf_tally { count, total, max: [max, 9_000_000], period: [4, 3], ..Default::default() })
        };
        let mut out = Out::memory(format);
        let gained = vec![counted(b"eth0", 0, 2, 3_000, 2_000), counted(b"nvme0q1", 1, 7, 70_999, 50_999)];
        let tool: Tool = parsed(args).expect("options");
        tool.print(&mut out, 4, gained).expect("memory");
        out.take()
    }

    #[test]
    fn the_costliest_come_first_with_the_maximum_of_their_period() {
        assert_eq!(
            text(Format::Text, &["-T", "-C"]),
            "\n05:06:07\n\
             HARDIRQ                    TOTAL_count TOTAL_usecs   MAX_usecs   CPU\n\
             nvme0q1                              7          70          50     1\n\
             eth0                                 2           3           2     0\n"
        );
        assert!(text(Format::Text, &["-N"]).contains("          7       70999       50999\n"));
    }

    #[test]
    fn json_has_every_field() {
        let rows = text(Format::Json, &[]);
        for field in [r#""hardirq":"nvme0q1""#, r#""count":7"#, r#""total_us":70"#, r#""max_ns":50999"#, r#""cpu":null"#] {
            assert!(rows.contains(field), "{rows}");
        }
    }

    #[test]
    fn a_name_that_may_go_on_is_marked() {
        let mut key = hardirqs_key::default();
        key.name[..31].fill(b'x');
        assert_eq!(name(&key).1, Mark::Cut);
        key.name[30] = 0;
        assert_eq!(name(&key).1, Mark::Whole);
    }
}
