//! tcpconnect: active TCP connects.

use std::cmp::Reverse;
use std::path::PathBuf;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_ends, cbpf_tally, tcpconnect_event};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Out, Row, until_nul};
use cbpf_common::session::Session;

use crate::cli::run::{Context, Usage};
use crate::shared::sock;
use crate::cli::tool::{self, Report, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the seconds since the start
    #[arg(short, long)]
    timestamp: bool,
    /// Count connects by addresses and port, and print the counts at the end
    #[arg(short, long = "count", id = "count_only")]
    count_only: bool,
    /// Print the uid
    #[arg(short = 'U', long)]
    print_uid: bool,
    /// Print the local port; with -c, count by it too
    #[arg(short, long)]
    source_port: bool,
    /// Only connects to these ports
    #[arg(short = 'P', long = "port", value_name = "PORT", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    ports: Vec<u16>,
    #[arg(short = 'C', long = "cgroupmap", value_name = "PATH", hide = true)]
    cgroup_map: Option<PathBuf>,
    #[arg(short = 'M', long = "mntnsmap", value_name = "PATH", hide = true)]
    mntns_map: Option<PathBuf>,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "tcpconnect";
    const ABOUT: &'static str = "Trace active TCP connects, or count them";
    const NOTES: &'static str = "A connect is shown when it is answered or abandoned, and after a second without an \
        answer. cbpf tcpconnlat shows what became of it. One for which nothing could be sent is not shown.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf tcpconnect", "every connect of your processes"),
        ("cbpf tcpconnect -P 80,443 -U", "those to web servers, with the uid"),
        ("cbpf tcpconnect -c -d 60", "how often each address is connected to, in a minute"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        if self.cgroup_map.is_some() || self.mntns_map.is_some() {
            let why = "-C, -M: there is nothing to read from a pinned map here; --cgroup PATH takes a cgroup itself";
            return Err(Usage(why.into()).into());
        }
        plan.knob("count_only", self.count_only).knob("by_lport", self.source_port);
        sock::plan_ports(plan, &self.ports);
        if !self.count_only {
            plan.entries("flows", 1);
        }
        Ok(())
    }

    fn reports(&self) -> bool {
        self.count_only
    }
}

impl Stream for Tool {
    type Event = tcpconnect_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::since("TIME(s)", 9, 3).when(self.timestamp),
            Column::left("UID", "uid", 6).when(self.print_uid),
            Column::left("PID", "pid", 6),
            Column::left("COMM", "comm", 12),
            Column::left("IP", "ip", 2),
            Column::left("SADDR", "saddr", 16),
            Column::left("DADDR", "daddr", 16),
            Column::left("SPORT", "sport", 5).when(self.source_port),
            Column::left("DPORT", "dport", 5),
        ]
    }

    fn row(&self, context: &Context, e: &tcpconnect_event, _: &[u8], row: &mut Row<'_>) {
        let [source, destination] = sock::addresses(&e.ends);
        row.opt_u64(context.uid(e.head.uid))
            .u64(e.head.pid)
            .text(until_nul(&e.head.comm))
            .u64(e.ends.version)
            .display(source)
            .display(destination)
            .u64(e.ends.lport)
            .u64(e.ends.dport);
    }
}

impl Tool {
    fn print(&self, out: &mut Out, mut gained: Vec<(cbpf_ends, cbpf_tally)>) -> Result<()> {
        let columns = self.table();
        out.header(&columns)?;
        gained.sort_by_key(|(ends, tally)| (Reverse(tally.count), ends.daddr, ends.dport, ends.saddr, ends.lport));
        for (ends, tally) in &gained {
            let [local, remote] = sock::addresses(ends);
            out.row("count", None, &columns, |row| {
                row.display(local)
                    .display(remote)
                    .opt_u64(self.source_port.then_some(ends.lport))
                    .u64(ends.dport)
                    .u64(tally.count);
            })?;
        }
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_tally>;

    const OWN_HEADER: bool = true;

    fn table(&self) -> Vec<Column> {
        vec![
            Column::left("LADDR", "laddr", 25),
            Column::left("RADDR", "raddr", 25),
            Column::left("LPORT", "lport", 20).when(self.source_port),
            Column::left("RPORT", "rport", 20),
            Column::left("CONNECTS", "connects", 10),
        ]
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step(session.snapshot("flows")?);
        self.print(out, gained)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use cbpf_common::out::Format;

    use super::*;
    use crate::cli::tool::parsed;

    fn tool(args: &[&str]) -> Tool {
        parsed(args).expect("options")
    }

    fn ends() -> cbpf_ends {
        let mut ends = cbpf_ends { version: 4, lport: 40_000, dport: 80, ..Default::default() };
        ends.saddr[..4].copy_from_slice(&[10, 0, 0, 1]);
        ends.daddr[..4].copy_from_slice(&[192, 0, 2, 1]);
        ends
    }

    #[test]
    fn a_row_has_the_local_port_if_asked_for() {
        let show = |args: &[&str], format| {
            let (tool, mut out) = (tool(args), Out::memory(format));
            let mut e = tcpconnect_event { ends: ends(), ..Default::default() };
            e.head.pid = 7;
            out.row("event", Some(0), &Stream::columns(&tool), |row| tool.row(&Context::test(), &e, &[], row)).expect("memory");
            out.take()
        };
        assert!(show(&[], Format::Text).ends_with(" 4  10.0.0.1         192.0.2.1        80\n"));
        assert!(show(&["-s"], Format::Text).ends_with(" 192.0.2.1        40000 80\n"));
        assert!(show(&[], Format::Json).contains(r#""saddr":"10.0.0.1","daddr":"192.0.2.1","sport":40000,"dport":80"#));
    }

    #[test]
    fn counts_come_largest_first() {
        let count = |port, count| {
            let ends = cbpf_ends { dport: port, lport: 0, ..ends() };
            (ends, cbpf_tally { count, ..Default::default() })
        };
        let mut out = Out::memory(Format::Text);
        tool(&["-c"]).print(&mut out, vec![count(80, 1), count(443, 3)]).expect("memory");
        let text = out.take();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["LADDR", "RADDR", "RPORT", "CONNECTS"]);
        assert_eq!(rows[1], ["10.0.0.1", "192.0.2.1", "443", "3"]);
        assert_eq!(rows[2][2..], ["80", "1"]);
    }

    #[test]
    fn ports_are_a_list_and_there_is_no_port_0() {
        assert_eq!(tool(&["-P", "80,81"]).ports, [80, 81]);
        assert!(parsed::<Tool>(&["-P", "0"]).is_err());
        assert!(tool(&["-c"]).count_only);
    }
}
