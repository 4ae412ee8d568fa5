//! biopattern: how much of block I/O is random, and how much sequential.

use std::collections::BTreeMap;

use anyhow::Result;
use cbpf_bpf::events::{biopattern_key, biopattern_kind, cbpf_tally};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Pace, Shared};
use cbpf_common::out::{Column, Out};
use cbpf_common::session::Session;

use crate::shared::disks::Disks;
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time of each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Only this disk
    #[arg(short, long, value_name = "DISK")]
    disk: Option<String>,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "biopattern";
    const ABOUT: &'static str = "Show how much of the I/O of each disk is random, and how much sequential";
    const NOTES: &'static str = "An I/O is sequential if it begins where the I/O before it ended, in the order of \
        completion. Only the I/O of the scope is considered: what others do to the disk in between changes nothing \
        here, though it moves the disk's head. The first I/O of a disk is neither, but counts.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf biopattern", "your I/O by disk, until Ctrl-C"),
        ("cbpf biopattern -T 1 10", "ten times a second's I/O"),
        ("cbpf biopattern -d sda -- ./query", "how a program reads from sda"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("only_disk", Disks::only(self.disk.as_deref())?);
        Ok(())
    }
}

/// What one disk did, by `biopattern_kind`.
#[derive(Default)]
struct Pattern {
    counts: [u64; 3],
    bytes: u64,
}

impl Pattern {
    /// The share of random and of sequential I/O in percent; none where no I/O has one before it.
    fn shares(&self) -> Option<(u64, u64)> {
        let of = |kind: biopattern_kind| self.counts.get(kind.0 as usize).copied().unwrap_or(0);
        let (random, both) = (
            of(biopattern_kind::BIOPATTERN_RANDOM),
            of(biopattern_kind::BIOPATTERN_RANDOM) + of(biopattern_kind::BIOPATTERN_SEQUENTIAL),
        );
        let random = (random * 100 + both / 2).checked_div(both)?;
        Some((random, 100 - random))
    }
}

impl Tool {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 9).when(self.timestamp),
            Column::left("DISK", "disk", 7),
            Column::right("%RND", "random_percent", 5),
            Column::right("%SEQ", "sequential_percent", 5),
            Column::right("COUNT", "count", 8),
            Column::right("KBYTES", "kbytes", 10),
            Column::right("", "sequential", 0).when(false),
            Column::right("", "random", 0).when(false),
        ]
    }

    fn print(&self, out: &mut Out, disks: &Disks, gained: Vec<(biopattern_key, cbpf_tally)>) -> Result<()> {
        let mut patterns = BTreeMap::<u32, Pattern>::new();
        for (key, tally) in gained {
            let pattern = patterns.entry(key.dev).or_default();
            if let Some(count) = pattern.counts.get_mut(key.kind as usize) {
                *count += tally.count;
            }
            pattern.bytes += tally.total;
        }
        let columns = self.columns();
        for (dev, pattern) in patterns {
            let [sequential, random, _] = pattern.counts;
            let shares = pattern.shares();
            out.row("count", None, &columns, |row| {
                row.text(&*disks.name(dev))
                    .opt_u64(shares.map(|(random, _)| random))
                    .opt_u64(shares.map(|(_, sequential)| sequential))
                    .u64(pattern.counts.iter().sum::<u64>())
                    .u64(pattern.bytes / 1024)
                    .u64(sequential)
                    .u64(random);
            })?;
        }
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_tally>;

    fn table(&self) -> Vec<Column> {
        self.columns()
    }

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step(session.snapshot("tallies")?);
        self.print(out, &Disks::read().unwrap_or_default(), gained)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use cbpf_common::out::Format;

    use super::*;

    fn show(format: Format, gained: &[(u32, u32, u64)]) -> String {
        let tool = Tool { timestamp: false, disk: None, interval: Interval { interval: None, count: None } };
        let tally = |count| cbpf_tally { count, total: count * 4096, ..Default::default() };
        let gained = gained.iter().map(|&(dev, kind, n)| (biopattern_key { dev: dev << 20, kind }, tally(n)));
        let mut out = Out::memory(format);
        tool.print(&mut out, &Disks::default(), gained.collect()).unwrap();
        out.take()
    }

    #[test]
    fn one_row_for_each_disk() {
        let text = show(Format::Text, &[(9, 2, 1), (8, 0, 2), (8, 1, 1), (8, 2, 1)]);
        assert_eq!(text, "8:0        33    67        4         16\n9:0         -     -        1          4\n");
    }

    #[test]
    fn json_has_the_numbers_behind_the_shares() {
        let json = show(Format::Json, &[(8, 0, 2), (8, 1, 1)]);
        assert!(json.contains(r#""count":3,"kbytes":12,"sequential":2,"random":1"#), "{json}");
    }
}
