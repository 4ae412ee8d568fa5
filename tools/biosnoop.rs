//! biosnoop: block I/O, request by request.

use std::cell::OnceCell;
use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::biosnoop_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Shared};
use cbpf_common::out::{Column, Row, until_nul};

use crate::shared::disks::Disks;
use crate::cli::run::Context;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Also print how long each I/O was in the queue of an I/O scheduler
    #[arg(short = 'Q', long)]
    queued: bool,
    /// Only this disk
    #[arg(short, long, value_name = "DISK")]
    disk: Option<String>,
    /// Only I/O that took at least this many milliseconds from issue to completion
    #[arg(short, long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    min: u64,
    /// Print the time of day instead of the seconds since the start
    #[arg(short, long)]
    timestamp: bool,
    /// End after so many seconds
    #[arg(value_name = "DURATION", value_parser = options::seconds)]
    stop_after: Option<Duration>,
    /// Read when the first row is printed.
    #[arg(skip)]
    disks: OnceCell<Disks>,
}

fn milliseconds(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(ms) if (0.0..=1e12).contains(&ms) => Ok((ms * 1e6) as u64),
        _ => Err("not a number of milliseconds".into()),
    }
}

impl tool::Tool for Tool {
    const NAME: &'static str = "biosnoop";
    const ABOUT: &'static str = "Trace block I/O: who, where, how much and how long";
    const NOTES: &'static str = "T is R (read), W (write), D (discard), DE (secure erase), F (flush) or N (anything \
        else), preceded by F if a flush comes first, and followed by F (force unit access), A (read ahead), S \
        (synchronous), M (metadata). An I/O belongs to the task that submitted it. What a file system's journal \
        writes for an fsync does not: its own thread submits that. Nor does writeback, except in scope container, \
        where it counts by the cgroup that caused it, without a name.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf biosnoop", "every block I/O of yours when it completes"),
        ("cbpf biosnoop -m 10 -Q 60", "those that took 10 ms or more, with the time in the scheduler, for a minute"),
        ("cbpf biosnoop -d sda -- make", "what `make` reads from sda and writes to it"),
    ];

    fn duration(&self) -> Option<Duration> {
        self.stop_after
    }

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("min_ns", self.min)
            .knob("from_insert", self.queued)
            .knob("only_disk", Disks::only(self.disk.as_deref())?);
        Ok(())
    }
}

impl Stream for Tool {
    type Event = biosnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIMESTAMP", 9).when(self.timestamp),
            Column::since("TIME(s)", 11, 6).when(!self.timestamp),
            Column::left("COMM", "comm", 14),
            Column::left("PID", "pid", 7),
            Column::left("DISK", "disk", 7),
            Column::left("T", "rwbs", 4),
            Column::left("SECTOR", "sector", 10),
            Column::left("BYTES", "bytes", 7),
            Column::right("QUE(ms)", "queued_ms", 7).when(self.queued),
            Column::right("LAT(ms)", "lat_ms", 7),
        ]
    }

    fn row(&self, _: &Context, e: &biosnoop_event, _: &[u8], row: &mut Row<'_>) {
        // Without the list a disk is shown by its number.
        let disks = self.disks.get_or_init(|| Disks::read().unwrap_or_default());
        if e.head.pid == 0 {
            row.none().none();
        } else {
            row.text(until_nul(&e.head.comm)).u64(e.head.pid);
        }
        let [flush, op, fua, ahead, sync, meta] = rwbs(e.flags);
        row.text(&*disks.name(e.dev))
            .display(format_args!("{flush}{op}{fua}{ahead}{sync}{meta}"))
            .u64(e.sector)
            .u64(e.bytes);
        match e.was_queued {
            0 => row.none(),
            _ => row.float(e.queued as f64 / 1e6, 3),
        };
        row.float(e.ns as f64 / 1e6, 3);
    }
}

/// The kernel's own letters for a request's operation and flags.
fn rwbs(flags: u32) -> [&'static str; 6] {
    let has = |bit: u32, letter: &'static str| if flags & (1 << bit) != 0 { letter } else { "" };
    let op = match flags & 0xff {
        0 => "R",
        1 => "W",
        2 => "F",
        3 => "D",
        5 => "DE",
        _ => "N",
    };
    [has(18, "F"), op, has(17, "F"), has(19, "A"), has(11, "S"), has(12, "M")]
}

#[cfg(test)]
mod tests {
    use cbpf_bpf::events::cbpf_head;
    use cbpf_common::out::{Format, Out};

    use super::*;

    fn show(queued: bool, e: biosnoop_event, format: Format) -> String {
        let disks = OnceCell::from(Disks::default());
        let tool = Tool { queued, disk: None, min: 0, timestamp: false, stop_after: None, disks };
        let columns = tool.columns();
        let mut out = Out::memory(format);
        out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e, &[], row)).unwrap();
        out.take()
    }

    fn event(pid: u32) -> biosnoop_event {
        let mut head = cbpf_head { pid, ..Default::default() };
        head.comm[..2].copy_from_slice(b"dd");
        let (dev, flags) = (8 << 20, 1 | 1 << 11);
        biosnoop_event { head, sector: 2048, ns: 1_234_567, dev, flags, bytes: 4096, ..Default::default() }
    }

    #[test]
    fn letters_are_the_kernels() {
        assert_eq!(rwbs(0).concat(), "R");
        assert_eq!(rwbs(1 | 1 << 11 | 1 << 17 | 1 << 18).concat(), "FWFS");
        assert_eq!(rwbs(1 << 19 | 1 << 12).concat(), "RAM");
        assert_eq!(rwbs(9).concat(), "N");
    }

    #[test]
    fn a_row_and_one_that_names_nobody() {
        let row = show(false, event(7), Format::Text);
        assert!(row.ends_with(" dd             7       8:0     WS   2048       4096      1.235\n"), "{row}");
        let row = show(false, event(0), Format::Json);
        assert!(row.contains(r#""comm":null,"pid":null,"disk":"8:0","rwbs":"WS","sector":2048"#), "{row}");
    }

    #[test]
    fn time_in_a_queue_is_shown_where_there_was_one() {
        assert!(show(true, event(7), Format::Text).ends_with("       -   1.235\n"));
        let queued = biosnoop_event { was_queued: 1, queued: 500_000, ..event(7) };
        assert!(show(true, queued, Format::Text).ends_with("   0.500   1.235\n"));
    }
}
