//! runqslower: long waits for a CPU.

use anyhow::Result;
use cbpf_bpf::events::runqslower_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Shared};
use cbpf_common::out::{Column, Row, until_nul};

use crate::cli::run::{Context, Usage};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Only waits of at least this many microseconds
    #[arg(value_name = "MIN_US", default_value = "10000")]
    min_us: u64,
    /// Only threads whose name begins with this
    #[arg(short, long, value_name = "PREFIX", value_parser = options::comm)]
    comm: Option<String>,
    /// Also print the task that had the CPU just before; `-` if it is somebody else's, or there was none
    #[arg(short = 'P', long)]
    previous: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "runqslower";
    const ABOUT: &'static str = "Trace runnable tasks that waited long for a CPU";
    const NOTES: &'static str = "PREV COMM and PREV TID name the thread that was on the CPU when the wait ended. \
        Others may have been there before it. In scopes user and container it is named only if it is one of yours.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf runqslower", "your tasks that wait 10 ms or longer"),
        ("cbpf runqslower 1000 -c nginx", "1 ms or longer, only threads called nginx..."),
        ("cbpf runqslower -P 500 -- make -j8", "a build, and which of its tasks had the CPU"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        let Some(min_ns) = self.min_us.checked_mul(1000) else {
            return Err(Usage("MIN_US is more than 500 years: give microseconds".into()).into());
        };
        plan.knob("min_ns", min_ns)
            .knob("with_prev", self.previous)
            .knob("comm_prefix", self.comm.as_deref().unwrap_or_default());
        Ok(())
    }
}

impl Stream for Tool {
    type Event = runqslower_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8),
            // The libbpf-tools original has no column for the process.
            Column::right("PID", "pid", 7).when(false),
            Column::left("COMM", "comm", 16),
            Column::left("TID", "tid", 6),
            Column::right("LAT(us)", "lat_us", 14),
            Column::left("PREV COMM", "prev_comm", 16).when(self.previous),
            Column::left("PREV TID", "prev_tid", 0).when(self.previous),
        ]
    }

    fn row(&self, _: &Context, e: &runqslower_event, _: &[u8], row: &mut Row<'_>) {
        row.u64(e.head.pid).text(until_nul(&e.head.comm)).u64(e.head.tid).float(e.ns as f64 / 1e3, 0);
        if e.has_prev == 1 {
            row.text(until_nul(&e.prev_comm)).u64(e.prev_tid);
        } else {
            row.none().none();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;
    use cbpf_common::out::{Format, Out};

    fn tool(args: &[&str]) -> Tool {
        parsed(args).expect("options")
    }

    fn shown(args: &[&str], format: Format, has_prev: u32) -> String {
        let tool = tool(args);
        let mut e = runqslower_event { ns: 1_234_567, has_prev, prev_tid: 9, ..Default::default() };
        (e.head.pid, e.head.tid) = (7, 8);
        e.head.comm[..2].copy_from_slice(b"sh");
        e.prev_comm[..2].copy_from_slice(b"cc");
        let (mut out, columns) = (Out::memory(format), tool.columns());
        out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e, &[], row)).expect("memory");
        out.take()
    }

    #[test]
    fn who_had_the_cpu_is_named_if_it_may_be() {
        assert!(shown(&[], Format::Text, 0).ends_with(" sh               8                1235\n"));
        assert!(shown(&["-P"], Format::Text, 1).ends_with("  1235 cc               9\n"));
        assert!(shown(&["-P"], Format::Text, 0).ends_with("  1235 -                -\n"));
        assert!(shown(&["-P"], Format::Json, 0).contains(r#""prev_comm":null,"prev_tid":null"#));
        let whole = r#""pid":7,"comm":"sh","tid":8,"lat_us":1234.567,"prev_comm":"cc","prev_tid":9"#;
        assert!(shown(&[], Format::Json, 1).contains(whole));
    }

    #[test]
    fn ten_milliseconds_unless_told_otherwise() {
        assert_eq!(tool(&[]).min_us, 10_000);
        assert_eq!(tool(&["-P", "0"]).min_us, 0);
    }
}
