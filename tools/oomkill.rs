//! oomkill: processes that the kernel kills for want of memory.

use anyhow::Result;
use cbpf_bpf::events::oomkill_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::cli::run::Context;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {}

impl tool::Tool for Tool {
    const NAME: &'static str = "oomkill";
    const ABOUT: &'static str = "Trace processes that the kernel kills because memory has run out";
    const NOTES: &'static str = "PAGES is the memory that the victim had. TPID and TCOMM name the task that asked for \
        memory when there was none, if that task is yours as well.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf oomkill", "each of your processes that is killed"),
        ("cbpf oomkill --scope container", "what a container's memory limit kills"),
    ];

    fn plan(&self, _: &Shared, _: &mut Plan) -> Result<()> {
        Ok(())
    }
}

impl Stream for Tool {
    type Event = oomkill_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8),
            Column::right("TPID", "trigger_pid", 7),
            Column::left("TCOMM", "trigger_comm", 16),
            Column::right("PID", "pid", 7),
            Column::left("COMM", "comm", 16),
            Column::right("PAGES", "pages", 10),
        ]
    }

    fn row(&self, _: &Context, e: &oomkill_event, _: &[u8], row: &mut Row<'_>) {
        if e.by_pid > 0 {
            row.u64(e.by_pid).text(until_nul(&e.by_comm));
        } else {
            row.none().none();
        }
        row.u64(e.head.pid).text(until_nul(&e.head.comm)).u64(e.pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_common::out::{Format, Out};

    #[test]
    fn a_trigger_that_is_not_ones_own_has_no_name() {
        let mut e = oomkill_event { pages: 300, ..Default::default() };
        e.head.pid = 7;
        e.head.comm[..2].copy_from_slice(b"dd");
        let row = |e: &oomkill_event, format| {
            let mut out = Out::memory(format);
            out.row("event", Some(0), &Tool {}.columns(), |row| Tool {}.row(&Context::test(), e, &[], row))
                .expect("memory");
            out.take()
        };
        assert!(row(&e, Format::Json).contains(r#""trigger_pid":null,"trigger_comm":null,"pid":7,"comm":"dd","pages":300"#));
        e.by_pid = 9;
        e.by_comm[..2].copy_from_slice(b"ps");
        assert!(row(&e, Format::Text).ends_with("       9 ps                     7 dd                      300\n"));
    }
}
