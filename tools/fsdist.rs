//! fsdist: how long operations on files take.

use anyhow::Result;
use cbpf_bpf::events::{cbpf_file_op, cbpf_hist};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Pace, Shared, Unit};
use cbpf_common::out::{Label, Out};
use cbpf_common::session::Session;

use crate::shared::fs::Kind;
use crate::shared::hists;
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    #[command(flatten)]
    kind: Kind,
    /// Print the time of each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    #[command(flatten)]
    unit: Unit,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "fsdist";
    const ABOUT: &'static str = "Show how long reads, writes, opens, syncs and stats of files take, as histograms";
    const NOTES: &'static str = "The time is that of the system call; that of an open includes the path lookup. \
        getattr (stat and related calls) is left out where kernel functions cannot be traced. What io_uring does is \
        not a system call. ext4dist, xfsdist, overlaydist and so on are fsdist -t with that kind.";
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
        plan.knob("unit", self.unit.ns()).knob("with_getattr", true);
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

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step(session.snapshot::<u32, cbpf_hist>("hists")?);
        hists::print(out, self.timestamp, self.unit.name(), gained, |op, _| vec![("operation", Label::Text(name(*op).as_bytes()))])?;
        Ok(events)
    }
}
