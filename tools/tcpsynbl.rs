//! tcpsynbl: how full the queues of listening sockets are.

use anyhow::Result;
use cbpf_bpf::events::cbpf_hist;
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Interval, Pace, Shared};
use cbpf_common::out::{Label, Out};
use cbpf_common::session::Session;

use crate::shared::hists;
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time above each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Only sockets of IPv4
    #[arg(short = '4', long, group = "family_of")]
    ipv4: bool,
    /// Only sockets of IPv6
    #[arg(short = '6', long, group = "family_of")]
    ipv6: bool,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "tcpsynbl";
    const ABOUT: &'static str = "Show how full the accept queues of listening TCP sockets are, as a histogram for each backlog";
    const NOTES: &'static str = "It counts how many complete connections wait for accept() when one more comes. A \
        queue that is full (backlog_max) turns connections away, and those are not counted. IPv6 sockets that also \
        take IPv4 count as IPv6.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf tcpsynbl", "the queues of all of your servers, until Ctrl-C"),
        ("cbpf tcpsynbl -T 1 10", "ten times a second's connections"),
        ("cbpf tcpsynbl --pid 4711 -4", "of one server, only IPv4"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        let family = match self {
            Self { ipv4: true, .. } => 2,
            Self { ipv6: true, .. } => 10,
            _ => 0u32,
        };
        plan.knob("only_family", family);
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step::<u32>(session.snapshot("hists")?);
        hists::print(out, self.timestamp, "backlog", gained, |bound, _| {
            vec![("backlog_max", Label::U64((*bound).into()))]
        })?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;

    #[test]
    fn one_version_or_both() {
        assert!(parsed::<Tool>(&["-4", "-6"]).is_err());
        let tool: Tool = parsed(&["-T", "1", "10"]).expect("options");
        assert_eq!((tool.timestamp, tool.interval.pace().1), (true, Some(10)));
    }
}
