//! filetop: the files that are read and written most.

use std::cmp::Reverse;

use anyhow::Result;
use cbpf_bpf::events::{filetop_key, filetop_value};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{EachSecond, Pace, Shared};
use cbpf_common::out::{Column, Format, Out, until_nul};
use cbpf_common::session::Session;

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Do not clear the screen
    #[arg(short = 'C', long)]
    noclear: bool,
    /// Include sockets, pipes and devices
    #[arg(short, long)]
    all: bool,
    /// What to sort by
    #[arg(short, long, value_name = "WHAT", default_value = "all")]
    sort: Sort,
    /// Print at most this many rows [default: 20, with --json all]
    #[arg(short, long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    rows: Option<u32>,
    #[command(flatten)]
    interval: EachSecond,
}

/// What a report is sorted by.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Sort {
    /// Reads, writes and bytes together
    All,
    /// Reads
    Reads,
    /// Writes
    Writes,
    /// Bytes read
    Rbytes,
    /// Bytes written
    Wbytes,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "filetop";
    const ABOUT: &'static str = "Show the files that are read and written most, by thread";
    const NOTES: &'static str = "T is R for a regular file, S a socket, O anything else. R_Kb and W_Kb are what was \
        read and written, not what was asked for. What io_uring, sendfile and memory maps transfer is not included.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf filetop", "every second, the 20 files that your processes use most"),
        ("cbpf filetop -C -a -s wbytes 5", "every 5 seconds, without clearing the screen, with sockets, by bytes written"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("all_files", self.all);
        Ok(())
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::left("TID", "tid", 7),
        Column::left("COMM", "comm", 16),
        Column::left("READS", "reads", 6),
        Column::left("WRITES", "writes", 6),
        Column::left("R_Kb", "read_kb", 7),
        Column::left("W_Kb", "write_kb", 7),
        Column::left("T", "kind", 1),
        Column::last("FILE", "file"),
        Column::right("", "pid", 0).when(false),
        Column::right("", "inode", 0).when(false),
        Column::left("", "dev", 0).when(false),
    ]
}

fn kind(mode: u32) -> &'static str {
    match mode & libc::S_IFMT {
        libc::S_IFREG => "R",
        libc::S_IFSOCK => "S",
        _ => "O",
    }
}

impl Tool {
    fn print(&self, out: &mut Out, mut gained: Vec<(filetop_key, filetop_value)>) -> Result<()> {
        gained.sort_by_key(|(key, v)| {
            let size = match self.sort {
                Sort::All => v.reads + v.writes + v.read_bytes + v.write_bytes,
                Sort::Reads => v.reads,
                Sort::Writes => v.writes,
                Sort::Rbytes => v.read_bytes,
                Sort::Wbytes => v.write_bytes,
            };
            (Reverse(size), key.tid, key.inode)
        });
        let rows = match (self.rows, out.format()) {
            (Some(rows), _) => rows as usize,
            (None, Format::Text) => 20,
            (None, Format::Json) => usize::MAX,
        };
        if !self.noclear {
            out.clear()?;
        }
        out.time_line()?;
        let columns = columns();
        out.header(&columns)?;
        for (key, v) in gained.iter().take(rows) {
            out.row("count", None, &columns, |row| {
                row.u64(key.tid).text(until_nul(&v.comm)).u64(v.reads).u64(v.writes);
                row.float(v.read_bytes as f64 / 1024.0, 0).float(v.write_bytes as f64 / 1024.0, 0);
                row.text(kind(v.mode)).text(until_nul(&v.name)).u64(key.pid).u64(key.inode);
                row.display(format_args!("{}:{}", key.dev >> 20, key.dev & 0xf_ffff));
            })?;
        }
        out.line("")?;
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<filetop_value>;

    const OWN_HEADER: bool = true;

    fn table(&self) -> Vec<Column> {
        columns()
    }

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step(session.snapshot("files")?);
        self.print(out, gained)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;

    fn used(tid: u32, reads: u64, write_bytes: u64) -> (filetop_key, filetop_value) {
        let key = filetop_key { tid, pid: 5, inode: 9, dev: 8 << 20 | 1, ..Default::default() };
        let mut v = filetop_value { reads, writes: 1, write_bytes, mode: libc::S_IFREG | 0o644, ..Default::default() };
        v.comm[..2].copy_from_slice(b"dd");
        v.name[0] = b'f';
        (key, v)
    }

    fn text(args: &[&str], format: Format) -> String {
        let tool: Tool = parsed(args).expect("options");
        let mut out = Out::memory(format);
        tool.print(&mut out, vec![used(1, 10, 0), used(2, 1, 3000)]).expect("memory");
        out.take()
    }

    #[test]
    fn the_busiest_comes_first() {
        assert_eq!(
            text(&["-r", "1"], Format::Text),
            "05:06:07\n\
             TID     COMM             READS  WRITES R_Kb    W_Kb    T FILE\n\
             2       dd               1      1      0       3       R f\n\n"
        );
        assert!(text(&["-s", "reads"], Format::Text).contains("FILE\n1 "));
        let json = text(&["-s", "wbytes"], Format::Json);
        assert!(json.contains(r#""kind":"R","file":"f","pid":5,"inode":9,"dev":"8:1""#) && json.lines().count() == 2);
    }
}
