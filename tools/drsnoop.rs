//! drsnoop: tasks that have to free memory themselves.

use anyhow::Result;
use cbpf_bpf::events::drsnoop_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::cli::run::Context;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print how much of the machine's memory was free when the wait began
    #[arg(short, long)]
    extended: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "drsnoop";
    const ABOUT: &'static str = "Trace direct reclaim: tasks that must free memory before they get any";
    const NOTES: &'static str = "KIND is cgroup if the limit of a cgroup was reached, machine if the whole machine \
        was short of memory.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf drsnoop", "each of your tasks that waits for memory, and how long"),
        ("cbpf drsnoop --scope container", "whether a container suffers from its memory limit"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("with_free", self.extended);
        Ok(())
    }
}

impl Stream for Tool {
    type Event = drsnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8),
            Column::left("COMM", "comm", 16),
            Column::right("PID", "pid", 7),
            Column::right("TID", "tid", 7),
            Column::right("LAT(ms)", "lat_ms", 8),
            Column::right("PAGES", "pages", 8),
            Column::left("KIND", "kind", 8),
            Column::right("FREE(KB)", "free_kb", 9).when(self.extended),
        ]
    }

    fn row(&self, _: &Context, e: &drsnoop_event, _: &[u8], row: &mut Row<'_>) {
        row.text(until_nul(&e.head.comm))
            .u64(e.head.pid)
            .u64(e.head.tid)
            .float(e.took as f64 / 1e6, 2)
            .u64(e.pages)
            .text(if e.cgroup == 1 { "cgroup" } else { "machine" });
        // 0: not asked for, or a kernel that does not lead there.
        row.opt_u64((e.free > 0).then(|| e.free * page_kb()));
    }
}

fn page_kb() -> u64 {
    // SAFETY: no arguments but a constant.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).map_or(4, |bytes| bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_common::out::{Format, Out};

    fn row(extended: bool, format: Format, e: &drsnoop_event) -> String {
        let tool = Tool { extended };
        let mut out = Out::memory(format);
        out.row("event", Some(0), &tool.columns(), |row| tool.row(&Context::test(), e, &[], row)).expect("memory");
        out.take()
    }

    #[test]
    fn a_wait_has_its_kind_and_free_memory_only_if_asked_for() {
        let mut e = drsnoop_event { took: 12_345_678, pages: 32, cgroup: 1, ..Default::default() };
        (e.head.pid, e.head.tid) = (7, 8);
        e.head.comm[..2].copy_from_slice(b"dd");
        let text = row(false, Format::Text, &e);
        assert!(text.ends_with(" dd                     7       8    12.35       32 cgroup\n"), "{text}");
        assert!(row(false, Format::Json, &e).contains(r#""lat_ms":12.345678,"pages":32,"kind":"cgroup","free_kb":null"#));
        e.free = 100;
        e.cgroup = 0;
        assert!(row(true, Format::Json, &e).contains(&format!(r#""kind":"machine","free_kb":{}"#, 100 * page_kb())));
    }
}
