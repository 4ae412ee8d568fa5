//! tcpconnlat: latency of TCP connects.

use anyhow::Result;
use cbpf_bpf::events::tcpconnlat_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};

use crate::cli::run::Context;
use crate::shared::sock;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Only connects that took at least this many milliseconds
    #[arg(value_name = "MIN_MS", default_value = "0", value_parser = milliseconds)]
    min_ns: u64,
    /// Print the seconds since the start
    #[arg(short, long)]
    timestamp: bool,
    /// Print the local port
    #[arg(short = 'L', long)]
    lport: bool,
}

fn milliseconds(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(ms) if (0.0..=1e12).contains(&ms) => Ok((ms * 1e6) as u64),
        _ => Err("not a number of milliseconds".into()),
    }
}

impl tool::Tool for Tool {
    const NAME: &'static str = "tcpconnlat";
    const ABOUT: &'static str = "Trace TCP connects and how long each took; ERR says why one failed";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf tcpconnlat", "every connect of your processes, with the time until the answer"),
        ("cbpf tcpconnlat 10 -L", "those of 10 ms or more, with the local port"),
        ("cbpf tcpconnlat -- curl -s https://example.org", "how long this program waits for each server"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("min_ns", self.min_ns);
        Ok(())
    }
}

impl Stream for Tool {
    type Event = tcpconnlat_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::since("TIME(s)", 9, 3).when(self.timestamp),
            Column::right("PID", "pid", 7),
            Column::left("COMM", "comm", 16),
            Column::left("IP", "ip", 2),
            Column::left("SADDR", "saddr", 16),
            Column::left("LPORT", "lport", 5).when(self.lport),
            Column::left("DADDR", "daddr", 16),
            Column::left("DPORT", "dport", 5),
            Column::right("LAT(ms)", "lat_ms", 9),
            Column::right("ERR", "err", 3),
        ]
    }

    fn row(&self, _: &Context, e: &tcpconnlat_event, _: &[u8], row: &mut Row<'_>) {
        let [source, destination] = sock::addresses(&e.ends);
        row.u64(e.head.pid)
            .text(until_nul(&e.head.comm))
            .u64(e.ends.version)
            .display(source)
            .u64(e.ends.lport)
            .display(destination)
            .u64(e.ends.dport)
            .float(e.ns as f64 / 1e6, 2)
            .u64(e.err);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use cbpf_bpf::events::{cbpf_ends, cbpf_head};
    use cbpf_common::out::{Format, Out};

    use super::*;

    #[test]
    fn milliseconds_may_have_a_fraction_and_no_sign() {
        assert_eq!(milliseconds("0.1"), Ok(100_000));
        assert_eq!(milliseconds("0"), Ok(0));
        for bad in ["-1", "x", "nan", "inf"] {
            assert!(milliseconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_both_kinds() {
        let tool = Tool { min_ns: 0, timestamp: false, lport: true };
        let columns = tool.columns();
        let show = |e: tcpconnlat_event, format| {
            let mut out = Out::memory(format);
            out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e, &[], row)).unwrap();
            out.take()
        };
        let mut e = tcpconnlat_event { ns: 1_234_567, ..Default::default() };
        e.ends = cbpf_ends { version: 4, lport: 40_000, dport: 80, ..Default::default() };
        e.head = cbpf_head { pid: 7, ..Default::default() };
        e.ends.daddr[..4].copy_from_slice(&[192, 0, 2, 1]);
        let row = show(e, Format::Text);
        assert!(row.ends_with("4  0.0.0.0          40000 192.0.2.1        80         1.23   0\n"), "{row}");
        e.ends.version = 6;
        e.err = 111;
        e.ends.daddr = Ipv6Addr::LOCALHOST.octets();
        let row = show(e, Format::Json);
        assert!(row.contains(r#""daddr":"::1","dport":80,"lat_ms":1.234567,"err":111"#), "{row}");
    }
}
