//! tcprtt: round-trip times of TCP connections.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_hist, tcprtt_key};
use cbpf_common::delta::{Cumulative as _, Deltas};
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Pace, Shared, Unit};
use cbpf_common::out::{Hist, Label, Out};
use cbpf_common::session::Session;

use crate::cli::run::Context;
use crate::shared::sock;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Report every SECONDS seconds instead of once at the end
    #[arg(short, long, value_name = "SECONDS", value_parser = options::seconds)]
    interval: Option<Duration>,
    /// Print the time above each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Milliseconds instead of microseconds
    #[arg(short, long = "millisecond")]
    milliseconds: bool,
    /// Only connections with this local port
    #[arg(short = 'p', long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    lport: Option<u16>,
    /// Only connections with this remote port
    #[arg(short = 'P', long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    rport: Option<u16>,
    /// Only connections with this local address
    #[arg(short = 'a', long, value_name = "ADDRESS")]
    laddr: Option<IpAddr>,
    /// Only connections with this remote address
    #[arg(short = 'A', long, value_name = "ADDRESS")]
    raddr: Option<IpAddr>,
    /// A histogram for each local address
    #[arg(short = 'b', long = "byladdr", group = "by")]
    by_laddr: bool,
    /// A histogram for each remote address
    #[arg(short = 'B', long = "byraddr", group = "by")]
    by_raddr: bool,
    /// Also print the average
    #[arg(short, long)]
    extension: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "tcprtt";
    const ABOUT: &'static str = "Summarize the round-trip time of TCP connections, as a histogram";
    const NOTES: &'static str = "It is the kernel's smoothed value, read whenever a segment arrives: a busy \
        connection counts for more than a quiet one. -p is the local port here; processes are chosen with --pid.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf tcprtt", "all of your connections together, until Ctrl-C"),
        ("cbpf tcprtt -i 1 -d 10 -T", "ten times a second's segments"),
        ("cbpf tcprtt -B -e -P 443", "how far away each web server is"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        let bytes = |address: Option<IpAddr>| match address.map(|address| address.to_canonical()) {
            None => (0, [0; 16]),
            Some(IpAddr::V6(six)) => (6u32, six.octets()),
            Some(IpAddr::V4(four)) => {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&four.octets());
                (4, bytes)
            }
        };
        let ((laddr_version, laddr), (raddr_version, raddr)) = (bytes(self.laddr), bytes(self.raddr));
        plan.knob("unit", self.unit().ns())
            .knob("only_lport", self.lport.map_or(0, u32::from))
            .knob("only_rport", self.rport.map_or(0, u32::from))
            .knob("only_laddr_version", laddr_version)
            .knob("only_raddr_version", raddr_version)
            .knob("only_laddr", laddr.to_vec())
            .knob("only_raddr", raddr.to_vec())
            .knob("by_laddr", self.by_laddr)
            .knob("by_raddr", self.by_raddr);
        if !(self.by_laddr || self.by_raddr) {
            plan.entries("hists", 1);
        }
        Ok(())
    }
}

impl Tool {
    fn unit(&self) -> Unit {
        Unit { milliseconds: self.milliseconds }
    }

    fn print(&self, out: &mut Out, mut gained: Vec<(tcprtt_key, cbpf_hist)>) -> Result<()> {
        out.line("")?;
        if self.timestamp {
            out.time_line()?;
        }
        gained.sort_by_key(|(key, hist)| (std::cmp::Reverse(hist.count()), key.addr));
        for (n, (key, hist)) in gained.iter().enumerate() {
            if n > 0 {
                out.line("")?;
            }
            let address = sock::address(key.version, key.addr).to_string();
            let (name, label) = match self {
                Self { by_laddr: true, .. } => ("Local Address = ", Some(("laddr", Label::Text(address.as_bytes())))),
                Self { by_raddr: true, .. } => ("Remote Address = ", Some(("raddr", Label::Text(address.as_bytes())))),
                _ => ("All Addresses = ", None),
            };
            let average = hist.total / hist.count().max(1);
            let mut title = format!("{name}{}", if label.is_some() { &address } else { "******" });
            if self.extension {
                title += &format!(" [AVG {average}]");
            }
            let labels: Vec<_> = label.into_iter().chain([("avg", Label::U64(average))]).collect();
            let sum = Some(hist.total);
            out.histogram(&Hist { title: title.as_bytes(), labels: &labels, sum, ..Hist::log2(self.unit().name(), &hist.slots) })?;
        }
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn pace(&self) -> Pace {
        (self.interval, None)
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step(session.snapshot("hists")?);
        self.print(out, gained)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use cbpf_common::out::Format;

    use super::*;
    use crate::cli::tool::parsed;

    fn show(args: &[&str], format: Format) -> String {
        let tool: Tool = parsed(args).expect("options");
        let mut key = tcprtt_key { version: 4, ..Default::default() };
        key.addr[..4].copy_from_slice(&[192, 0, 2, 1]);
        let mut hist = cbpf_hist { total: 40, ..Default::default() };
        hist.slots[3] = 4;
        let mut out = Out::memory(format);
        tool.print(&mut out, vec![(key, hist)]).expect("memory");
        out.take()
    }

    #[test]
    fn a_histogram_says_of_what_address_it_is() {
        assert!(show(&[], Format::Text).starts_with("\nAll Addresses = ******\n     usecs "));
        assert!(show(&["-b", "-m"], Format::Text).starts_with("\nLocal Address = 192.0.2.1\n     msecs "));
        assert!(show(&["-B", "-e"], Format::Text).starts_with("\nRemote Address = 192.0.2.1 [AVG 10]\n"));
        assert!(show(&["-B"], Format::Json).contains(r#""raddr":"192.0.2.1","avg":10"#));
        assert!(parsed::<Tool>(&["-b", "-B"]).is_err());
    }
}
