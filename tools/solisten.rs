//! solisten: sockets that begin to listen.

use anyhow::Result;
use cbpf_bpf::events::solisten_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::cli::run::Context;
use crate::shared::sock;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time
    #[arg(short, long)]
    timestamp: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "solisten";
    const ABOUT: &'static str = "Trace IPv4 and IPv6 sockets that begin to listen";
    const NOTES: &'static str = "BACKLOG is what the program asked for. The kernel limits it to net.core.somaxconn; \
        cbpf tcpsynbl shows how much of it is needed.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf solisten", "every listen() of your processes"),
        ("cbpf solisten -t -p 4711", "of one process, with the time"),
        ("cbpf solisten -- ./server", "where a program can be reached"),
    ];

    fn plan(&self, _: &Shared, _: &mut Plan) -> Result<()> {
        Ok(())
    }
}

impl Stream for Tool {
    type Event = solisten_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME(s)", 8).when(self.timestamp),
            Column::left("PID", "pid", 7),
            Column::left("COMM", "comm", 16),
            Column::left("RET", "ret", 3),
            Column::left("BACKLOG", "backlog", 7),
            Column::left("PROTO", "proto", 5),
            Column::left("PORT", "port", 5),
            Column::last("ADDR", "addr"),
        ]
    }

    fn row(&self, _: &Context, e: &solisten_event, _: &[u8], row: &mut Row<'_>) {
        let local = &e.local;
        row.u64(e.head.pid)
            .text(until_nul(&e.head.comm))
            .i64(e.ret)
            .i64(e.backlog)
            .display(format_args!("{}v{}", sock::protocol(local.proto), local.version))
            .u64(local.port)
            .display(sock::address(local.version.into(), local.addr));
    }
}

#[cfg(test)]
mod tests {
    use cbpf_bpf::events::cbpf_local;
    use cbpf_common::out::{Format, Out};

    use super::*;

    #[test]
    fn the_protocol_has_its_version() {
        let tool = Tool { timestamp: false };
        let show = |version, format| {
            let mut e = solisten_event { backlog: 128, ..Default::default() };
            e.local = cbpf_local { version, port: 80, proto: 6, ..Default::default() };
            e.head.pid = 7;
            let mut out = Out::memory(format);
            out.row("event", Some(0), &tool.columns(), |row| tool.row(&Context::test(), &e, &[], row)).expect("memory");
            out.take()
        };
        assert!(show(4, Format::Text).ends_with(" 0   128     TCPv4 80    0.0.0.0\n"));
        assert!(show(6, Format::Json).contains(r#""backlog":128,"proto":"TCPv6","port":80,"addr":"::""#));
    }
}
