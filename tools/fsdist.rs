//! fsdist: how long operations on files take.

use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_file_op, cbpf_hist};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Shared};
use cbpf_common::out::{Label, Out};
use cbpf_common::session::Session;

use crate::fs::Kind;
use crate::hists;
use crate::run::Context;
use crate::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    #[command(flatten)]
    kind: Kind,
    /// Print the time of each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Milliseconds instead of microseconds
    #[arg(short, long)]
    milliseconds: bool,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "fsdist";
    const ABOUT: &'static str = "Show how long reads, writes, opens, syncs and looks at files take, as histograms";
    const NOTES: &'static str = "The time is that of the system call, an open has the walk to the file in it. getattr (stat and its \
        kin) is left out where the kernel lets no functions be traced. What io_uring does is no system call. \
        ext4dist, xfsdist, overlaydist and so on are fsdist -t of that kind.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf fsdist 5", "every 5 seconds, how long your files took, on whatever file system"),
        ("cbpf fsdist -t overlay -m", "those of a container's image, in milliseconds"),
        ("cbpf ext4dist -p 4711", "one process on ext4"),
    ];

    fn called(&mut self, name: &str) {
        self.kind.called(name, "dist");
    }

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        self.kind.plan(plan);
        plan.knob("milliseconds", self.milliseconds).knob("with_getattr", true);
        Ok(())
    }
}

fn name(op: u32) -> &'static str {
    match cbpf_file_op(op) {
        cbpf_file_op::CBPF_FILE_READ => "read",
        cbpf_file_op::CBPF_FILE_WRITE => "write",
        cbpf_file_op::CBPF_FILE_OPEN => "open",
        cbpf_file_op::CBPF_FILE_FSYNC => "fsync",
        cbpf_file_op::CBPF_FILE_GETATTR => "getattr",
        _ => "other",
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn interval(&self) -> (Option<Duration>, Option<u64>) {
        (self.interval.interval, self.interval.count)
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step(session.snapshot::<u32, cbpf_hist>("hists")?);
        let unit = if self.milliseconds { "msecs" } else { "usecs" };
        hists::print(out, self.timestamp, unit, gained, |op, _| vec![("operation", Label::Text(name(*op).as_bytes()))])?;
        Ok(events)
    }
}
