//! fsslower: operations on files that take long.

use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_file_op, fsslower_event};
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::shared::fs::Kind;
use crate::cli::run::Context;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    #[command(flatten)]
    kind: Kind,
    /// Only what takes this many milliseconds or longer; 0: everything
    #[arg(short, long, value_name = "MS", default_value = "10", value_parser = milliseconds)]
    min: Duration,
    /// Print comma-separated values
    #[arg(short, long)]
    csv: bool,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let ms: f64 = text.parse().map_err(|_| "not a number of milliseconds".to_owned())?;
    if (0.0..=1e9).contains(&ms) { Ok(Duration::from_secs_f64(ms / 1e3)) } else { Err("from 0 to 1e9".into()) }
}

impl tool::Tool for Tool {
    const NAME: &'static str = "fsslower";
    const ABOUT: &'static str = "Trace slow reads, writes, opens and syncs of files";
    const NOTES: &'static str = "T is R for a read, W a write, O an open, F an fsync. The time is that of the system \
        call; that of an open includes the path lookup. BYTES is the call's result; a negative number is an error. \
        What io_uring does is not a system call. ext4slower, xfsslower, overlayslower and so on are fsslower -t with \
        that kind.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf fsslower", "what takes 10 ms or longer, on whatever file system"),
        ("cbpf fsslower -t overlay -m 1", "1 ms or longer in a container's image"),
        ("cbpf ext4slower -m 0 -- make", "everything that `make` does on ext4"),
    ];

    fn called(&mut self, name: &str) {
        self.kind.called(name, "slower");
    }

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        self.kind.plan(plan);
        plan.knob("least", self.min.as_nanos() as u64);
        Ok(())
    }
}

fn letter(op: u32) -> &'static str {
    match cbpf_file_op(op) {
        cbpf_file_op::CBPF_FILE_READ => "R",
        cbpf_file_op::CBPF_FILE_WRITE => "W",
        cbpf_file_op::CBPF_FILE_OPEN => "O",
        cbpf_file_op::CBPF_FILE_FSYNC => "F",
        _ => "?",
    }
}

/// `ENDTIME_ns,TASK,PID,TYPE,BYTES,OFFSET_b,LATENCY_us,FILE`. A name may hold commas: the file's
/// is the last, in the task's they become semicolons.
fn csv(e: &fsslower_event) -> Vec<u8> {
    let mut line = format!("{},", e.head.ts).into_bytes();
    line.extend(until_nul(&e.head.comm).iter().map(|byte| if *byte == b',' { b';' } else { *byte }));
    let (pid, t, us) = (e.head.pid, letter(e.op), e.took / 1000);
    line.extend_from_slice(format!(",{pid},{t},{},{},{us},", e.ret, e.offset).as_bytes());
    line.extend_from_slice(until_nul(&e.name));
    line
}

impl Stream for Tool {
    type Event = fsslower_event;

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            Column::time("TIME", 8),
            Column::left("COMM", "comm", 16),
            Column::left("PID", "pid", 7),
            Column::left("T", "op", 1),
            Column::left("BYTES", "bytes", 7),
            Column::left("OFF_KB", "offset", 8),
            Column::right("LAT(ms)", "lat_ms", 7),
            Column::last("FILENAME", "file"),
            Column::left("", "fs", 0).when(false),
        ];
        if self.csv {
            columns = columns.into_iter().map(|column| column.when(false)).collect();
        }
        let heads = "ENDTIME_ns,TASK,PID,TYPE,BYTES,OFFSET_b,LATENCY_us,FILE";
        columns.push(Column::last(heads, "csv").when(self.csv));
        columns
    }

    fn row(&self, context: &Context, e: &fsslower_event, _: &[u8], row: &mut Row<'_>) {
        let moves = [cbpf_file_op::CBPF_FILE_READ, cbpf_file_op::CBPF_FILE_WRITE].contains(&cbpf_file_op(e.op));
        row.text(until_nul(&e.head.comm)).u64(e.head.pid).text(letter(e.op)).i64(if moves { e.ret } else { e.ret.min(0) });
        // JSON has bytes.
        match (moves, context.shared.json) {
            (false, _) => row.none(),
            (true, true) => row.u64(e.offset),
            (true, false) => row.u64(e.offset / 1024),
        };
        row.float(e.took as f64 / 1e6, 2);
        if e.fs[0] == 0 {
            row.none().none();
        } else {
            row.text(until_nul(&e.name)).text(until_nul(&e.fs));
        }
        if self.csv {
            row.text(csv(e));
        } else {
            row.none();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;
    use cbpf_common::out::{Format, Out};

    fn show(args: &[&str], e: &fsslower_event) -> String {
        let tool: Tool = parsed(args).expect("options");
        let mut out = Out::memory(Format::Text);
        let columns = tool.columns();
        out.header(&columns).expect("memory");
        out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), e, &[], row)).expect("memory");
        out.take()
    }

    #[test]
    fn rows_are_those_of_bcc() {
        let mut e = fsslower_event { took: 12_345_678, offset: 8192, ret: 100, op: 1, ..Default::default() };
        e.head.pid = 7;
        e.head.ts = 5;
        e.head.comm[..3].copy_from_slice(b"d,d");
        e.name[..3].copy_from_slice(b"a,b");
        e.fs[..4].copy_from_slice(b"ext4");
        let text = show(&[], &e);
        assert!(text.ends_with(" d,d              7       R 100     8          12.35 a,b\n"), "{text}");
        assert_eq!(
            show(&["--csv"], &e),
            "ENDTIME_ns,TASK,PID,TYPE,BYTES,OFFSET_b,LATENCY_us,FILE\n5,d;d,7,R,100,8192,12345,a,b\n"
        );
        e.op = cbpf_file_op::CBPF_FILE_FSYNC.0;
        e.fs[0] = 0;
        assert!(show(&[], &e).ends_with(" F 0       -          12.35 -\n"), "{}", show(&[], &e));
    }

    #[test]
    fn a_least_time_may_be_a_fraction_or_nothing() {
        assert_eq!(milliseconds("0.5"), Ok(Duration::from_micros(500)));
        assert_eq!(milliseconds("0"), Ok(Duration::ZERO));
        assert!(milliseconds("-1").is_err() && milliseconds("nan").is_err() && milliseconds("x").is_err());
    }
}
