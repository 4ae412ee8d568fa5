//! bindsnoop: sockets that are bound to an address.

use anyhow::Result;
use cbpf_bpf::events::{bindsnoop_event, bindsnoop_option};
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
    /// Include binds that failed
    #[arg(short = 'x', long)]
    failed: bool,
    /// Only these local ports
    #[arg(short = 'P', long, value_name = "PORT", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    ports: Vec<u16>,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "bindsnoop";
    const ABOUT: &'static str = "Trace binds of IPv4 and IPv6 sockets to an address and port";
    const NOTES: &'static str = "OPTS are the socket's options: F freebind, T transparent, N bind_address_no_port, R \
        reuseaddr, r reuseport, and a dot for each that is not set. IF is the number of the interface that the socket \
        is bound to. For a bind that failed, PORT and ADDR are what the program asked for.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf bindsnoop", "every bind of your processes"),
        ("cbpf bindsnoop -x -P 80,443", "who binds these ports, or fails to"),
        ("cbpf bindsnoop -- ./server", "which addresses and ports a program takes"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("with_failed", self.failed);
        sock::plan_ports(plan, &self.ports);
        Ok(())
    }
}

impl Stream for Tool {
    type Event = bindsnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME(s)", 8).when(self.timestamp),
            Column::left("PID", "pid", 7),
            Column::left("COMM", "comm", 16),
            Column::left("RET", "ret", 3),
            Column::left("PROTO", "proto", 5),
            Column::left("OPTS", "opts", 5),
            Column::left("IF", "ifindex", 4),
            Column::left("PORT", "port", 5),
            Column::last("ADDR", "addr"),
        ]
    }

    fn row(&self, _: &Context, e: &bindsnoop_event, _: &[u8], row: &mut Row<'_>) {
        row.u64(e.head.pid)
            .text(until_nul(&e.head.comm))
            .i64(e.ret)
            .text(sock::protocol(e.local.proto))
            .text(letters(e.options))
            .u64(e.ifindex);
        match e.local.version {
            0 => row.none().none(),
            version => row.u64(e.local.port).display(sock::address(version.into(), e.local.addr)),
        };
    }
}

fn letters(options: u32) -> [u8; 5] {
    [
        (bindsnoop_option::BINDSNOOP_FREEBIND, b'F'),
        (bindsnoop_option::BINDSNOOP_TRANSPARENT, b'T'),
        (bindsnoop_option::BINDSNOOP_ADDRESS_NO_PORT, b'N'),
        (bindsnoop_option::BINDSNOOP_REUSEADDR, b'R'),
        (bindsnoop_option::BINDSNOOP_REUSEPORT, b'r'),
    ]
    .map(|(bit, letter)| if options & bit.0 != 0 { letter } else { b'.' })
}

#[cfg(test)]
mod tests {
    use cbpf_bpf::events::cbpf_local;
    use cbpf_common::out::{Format, Out};

    use super::*;

    fn show(ret: i32, version: u16, format: Format) -> String {
        let tool = Tool { timestamp: false, failed: true, ports: Vec::new() };
        let mut e = bindsnoop_event { ret, options: 2 | 8, ..Default::default() };
        e.local = cbpf_local { version, port: 80, proto: 6, ..Default::default() };
        e.head.pid = 7;
        e.head.comm[..2].copy_from_slice(b"nc");
        let mut out = Out::memory(format);
        out.row("event", Some(0), &tool.columns(), |row| tool.row(&Context::test(), &e, &[], row)).expect("memory");
        out.take()
    }

    #[test]
    fn a_row_of_either_version_and_one_without_an_address() {
        assert_eq!(show(0, 4, Format::Text), "7       nc               0   TCP   .T.R. 0    80    0.0.0.0\n");
        assert!(show(-98, 6, Format::Text).contains(" -98 TCP "));
        assert!(show(0, 6, Format::Text).ends_with(" 80    ::\n"));
        assert!(show(-14, 0, Format::Json).contains(r#""ret":-14,"proto":"TCP","opts":".T.R.","ifindex":0,"port":null,"addr":null"#));
    }
}
