//! opensnoop: files opened.

use anyhow::Result;
use cbpf_bpf::events::opensnoop_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::run::{Context, mark};
use crate::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the flags and the mode of each open
    #[arg(short, long = "extended-fields")]
    extended_fields: bool,
    /// Only processes whose name contains this
    #[arg(short, long, value_name = "NAME")]
    name: Option<String>,
    /// Print the time
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Print the uid
    #[arg(short = 'U', long)]
    print_uid: bool,
    /// Only opens that failed
    #[arg(short = 'x', long)]
    failed: bool,
    /// Print the two functions that the open was called from
    #[arg(short = 'c', long)]
    callers: bool,
    /// Print the full path, as the task's own root directory shows it
    #[arg(short = 'F', long)]
    full_path: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "opensnoop";
    const ABOUT: &'static str = "Trace file opens";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf opensnoop", "every file that your processes open"),
        ("cbpf opensnoop -x", "opens that fail: missing configuration, wrong permissions"),
        ("cbpf opensnoop -F -- make", "what `make` and its children open, with full paths"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("failed_only", self.failed)
            .knob("full_path", self.full_path)
            .knob("with_callers", self.callers)
            .knob("comm_part", self.name.as_deref().unwrap_or_default());
        Ok(())
    }
}

impl Stream for Tool {
    type Event = opensnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8).when(self.timestamp),
            Column::right("UID", "uid", 6).when(self.print_uid),
            Column::right("PID", "pid", 7),
            Column::left("COMM", "comm", 16),
            Column::right("FD", "fd", 3),
            Column::right("ERR", "err", 3),
            Column::right("FLAGS", "flags", 8).when(self.extended_fields),
            Column::left("MODE", "mode", 5).when(self.extended_fields),
            Column::last("PATH", "path"),
        ]
    }

    fn row(&self, context: &Context, e: &opensnoop_event, tail: &[u8], row: &mut Row<'_>) {
        let name = tail.get(..e.name_len.saturating_sub(1).into()).unwrap_or_default();
        row.opt_u64(context.uid(e.head.uid))
            .u64(e.head.pid)
            .text(until_nul(&e.head.comm))
            .i64(e.ret.max(-1))
            .u64(e.ret.min(0).unsigned_abs())
            .oct(e.flags, 8)
            .oct(e.mode, 4)
            .text_with(name, mark(e.head.flags));
    }
}
