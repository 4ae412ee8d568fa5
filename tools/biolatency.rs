//! biolatency: how long block I/O takes, as a histogram.

use anyhow::Result;
use cbpf_bpf::events::{biolatency_key, cbpf_hist};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Pace, Shared, Unit};
use cbpf_common::out::{Label, Out};
use cbpf_common::session::Session;

use crate::shared::disks::Disks;
use crate::shared::hists;
use crate::cli::run::Context;
use crate::cli::tool;

/// The name is upstream's; there both -D and -d are called `--disk`.
#[derive(clap::Args)]
pub struct Tool {
    /// Print the time of each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    #[command(flatten)]
    unit: Unit,
    /// Include the time in the queue of an I/O scheduler
    #[arg(short = 'Q', long)]
    queued: bool,
    /// A histogram for each disk
    #[arg(short = 'D', long)]
    per_disk: bool,
    /// A histogram for each set of I/O flags
    #[arg(short = 'F', long)]
    flag: bool,
    /// Only this disk
    #[arg(short, long, value_name = "DISK")]
    disk: Option<String>,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "biolatency";
    const ABOUT: &'static str = "Summarize how long block I/O takes, as a histogram";
    const NOTES: &'static str = "An I/O belongs to the task that submitted it. What a file system's journal writes \
        for an fsync does not: its own thread submits that. Nor does writeback, except in scope container, where it \
        counts by the cgroup that caused it.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf biolatency", "all of your I/O together, until Ctrl-C"),
        ("cbpf biolatency -D -F 1 10", "ten times a second's I/O, by disk and by kind"),
        ("cbpf biolatency -Q -d sda -- make", "what `make` waits for on sda, the scheduler's queue included"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("unit", self.unit.ns())
            .knob("from_insert", self.queued)
            .knob("by_disk", self.per_disk)
            .knob("by_flags", self.flag)
            .knob("only_disk", Disks::only(self.disk.as_deref())?);
        Ok(())
    }
}

impl tool::Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn report(&self, _: &Context, session: &Session, state: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = state.step::<biolatency_key>(session.snapshot("hists")?);
        let disks = if self.per_disk { Disks::read()? } else { Disks::default() };
        let named = gained.into_iter().map(|(key, hist)| {
            let names = (disks.name(key.dev), flags(key.flags));
            (names, cbpf_hist { total: hist.total / u64::from(self.unit.ns()), ..hist })
        });
        hists::print(out, self.timestamp, self.unit.name(), named.collect(), |(disk, flags), _| {
            let disk = self.per_disk.then_some(("disk", Label::Text(disk.as_bytes())));
            let flags = self.flag.then_some(("flags", Label::Text(flags.as_bytes())));
            disk.into_iter().chain(flags).collect()
        })?;
        Ok(events)
    }
}

/// Upstream's words for a request's operation and flags. The numbers of operations on zoned disks have changed over
/// the years, so those stay numbers.
fn flags(flags: u32) -> String {
    const FLAGS: [(u32, &str); 11] = [
        (21, "NoWait"),
        (20, "Background"),
        (19, "ReadAhead"),
        (18, "PreFlush"),
        (17, "FUA"),
        (16, "Integrity"),
        (15, "Idle"),
        (14, "NoMerge"),
        (13, "Priority"),
        (12, "Metadata"),
        (11, "Sync"),
    ];
    let mut words: Vec<String> =
        FLAGS.iter().filter(|(bit, _)| flags & (1 << bit) != 0).map(|(_, word)| (*word).to_owned()).collect();
    words.push(match flags & 0xff {
        0 => "Read".into(),
        1 => "Write".into(),
        2 => "Flush".into(),
        3 => "Discard".into(),
        5 => "SecureErase".into(),
        9 => "WriteZeroes".into(),
        34 => "DriverIn".into(),
        35 => "DriverOut".into(),
        n => format!("Operation{n}"),
    });
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_upstreams_names() {
        assert_eq!(flags(0), "Read");
        assert_eq!(flags(1 << 11 | 1), "Sync-Write");
        assert_eq!(flags(1 << 19 | 1 << 12), "ReadAhead-Metadata-Read");
        assert_eq!(flags(17), "Operation17");
    }
}
