//! vfsstat: how often files are read, written, opened, made and removed.

use std::time::Instant;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_file_op, cbpf_tally};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{EachSecond, Pace, Shared};
use cbpf_common::out::{Column, Out};
use cbpf_common::session::Session;

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    #[command(flatten)]
    interval: EachSecond,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "vfsstat";
    const ABOUT: &'static str = "Count reads, writes, opens and other operations on files, each second";
    const NOTES: &'static str = "System calls that succeed are counted, on sockets, pipes and devices too. An open \
        that creates its file counts as a create as well.";
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("cbpf vfsstat", "every second, what your processes do with files"), ("cbpf vfsstat 5 3", "three times 5 seconds")];

    fn plan(&self, _: &Shared, _: &mut Plan) -> Result<()> {
        Ok(())
    }
}

/// In the order of the columns: header, JSON keys of the rate and of the count.
const OPS: [(cbpf_file_op, &str, &str, &str); 8] = [
    (cbpf_file_op::CBPF_FILE_READ, "READ/s", "read_per_s", "reads"),
    (cbpf_file_op::CBPF_FILE_WRITE, "WRITE/s", "write_per_s", "writes"),
    (cbpf_file_op::CBPF_FILE_FSYNC, "FSYNC/s", "fsync_per_s", "fsyncs"),
    (cbpf_file_op::CBPF_FILE_OPEN, "OPEN/s", "open_per_s", "opens"),
    (cbpf_file_op::CBPF_FILE_CREATE, "CREATE/s", "create_per_s", "creates"),
    (cbpf_file_op::CBPF_FILE_UNLINK, "UNLINK/s", "unlink_per_s", "unlinks"),
    (cbpf_file_op::CBPF_FILE_MKDIR, "MKDIR/s", "mkdir_per_s", "mkdirs"),
    (cbpf_file_op::CBPF_FILE_RMDIR, "RMDIR/s", "rmdir_per_s", "rmdirs"),
];

fn columns() -> Vec<Column> {
    let mut columns = vec![Column::time("TIME", 8)];
    columns.extend(OPS.map(|(_, name, key, _)| Column::right(name, key, 8)));
    columns.extend(OPS.map(|(_, _, _, key)| Column::right("", key, 0).when(false)));
    columns
}

fn print(out: &mut Out, gained: &[(u32, cbpf_tally)], seconds: f64) -> Result<()> {
    let count = |op: cbpf_file_op| gained.iter().find(|(of, _)| *of == op.0).map_or(0, |(_, tally)| tally.count);
    out.row("count", None, &columns(), |row| {
        for (op, ..) in OPS {
            row.float(count(op) as f64 / seconds.max(1e-9), 0);
        }
        for (op, ..) in OPS {
            row.u64(count(op));
        }
    })?;
    Ok(())
}

/// What was last reported, and when.
pub struct State {
    seen: Deltas<cbpf_tally>,
    last: Instant,
}

impl Default for State {
    fn default() -> Self {
        Self { seen: Deltas::default(), last: Instant::now() }
    }
}

impl Report for Tool {
    type State = State;

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn table(&self) -> Vec<Column> {
        columns()
    }

    fn report(&self, _: &Context, session: &Session, state: &mut State, out: &mut Out) -> Result<u64> {
        let now = Instant::now();
        let (gained, events) = state.seen.step(session.snapshot("counters")?);
        print(out, &gained, (now - state.last).as_secs_f64())?;
        state.last = now;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_common::out::Format;

    #[test]
    fn rates_are_of_a_second_and_counts_of_all() {
        let gained = [(1, cbpf_tally { count: 5, ..Default::default() }), (8, cbpf_tally { count: 3, ..Default::default() })];
        let show = |format| {
            let mut out = Out::memory(format);
            print(&mut out, &gained, 2.0).expect("memory");
            out.take()
        };
        assert_eq!(
            show(Format::Text),
            "05:06:07        2        0        0        0        0        0        0        2\n"
        );
        assert!(show(Format::Json).contains(r#""read_per_s":2.5,"#) && show(Format::Json).contains(r#""rmdirs":3}"#));
    }
}
