//! bitesize: how large block I/O is, as a histogram for each name.

use anyhow::Result;
use cbpf_bpf::events::{bitesize_key, cbpf_hist};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Interval, Pace, Shared};
use cbpf_common::out::{Hist, Label, Out, until_nul};
use cbpf_common::session::Session;

use crate::shared::disks::Disks;
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time of each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Only threads whose name begins with this
    #[arg(short, long, value_name = "NAME", value_parser = options::comm)]
    comm: Option<String>,
    /// Only this disk
    #[arg(short, long, value_name = "DISK")]
    disk: Option<String>,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "bitesize";
    const ABOUT: &'static str = "Summarize how large block I/O is, as a histogram for each name";
    const NOTES: &'static str = "The name is that of the thread that submitted the I/O. Writeback, which counts in \
        scope container by the cgroup that caused it, has none.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf bitesize", "all of your I/O by name, until Ctrl-C"),
        ("cbpf bitesize -T 1 10", "ten times a second's I/O"),
        ("cbpf bitesize -c fio -d sda", "what threads named fio... do on sda"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("comm_start", self.comm.as_deref().unwrap_or_default())
            .knob("only_disk", Disks::only(self.disk.as_deref())?);
        Ok(())
    }
}

impl Tool {
    fn print(&self, out: &mut Out, mut gained: Vec<(bitesize_key, cbpf_hist)>) -> Result<()> {
        out.line("")?;
        if self.timestamp {
            out.time_line()?;
        }
        gained.sort_by_key(|(key, hist)| (std::cmp::Reverse(hist.slots.iter().sum::<u64>()), key.comm));
        for (n, (key, hist)) in gained.iter().enumerate() {
            if n > 0 {
                out.line("")?;
            }
            let comm = until_nul(&key.comm);
            let (title, comm) = match comm {
                b"" => (b"Process Name = -".to_vec(), Label::None),
                _ => ([b"Process Name = ", comm].concat(), Label::Text(comm)),
            };
            // In the kernel the sum is one of bytes: what is below the unit would add up to nothing.
            let sum = Some(hist.total / 1024);
            out.histogram(&Hist { title: &title, labels: &[("comm", comm)], sum, ..Hist::log2("Kbytes", &hist.slots) })?;
        }
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn pace(&self) -> Pace {
        self.interval.pace()
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

    fn show(format: Format) -> String {
        let interval = Interval { interval: None, count: None };
        let tool = Tool { timestamp: false, comm: None, disk: None, interval };
        let hist = |slot: usize, count: u64| {
            let mut hist = cbpf_hist { total: (count << slot) * 1024, ..Default::default() };
            hist.slots[slot] = count;
            hist
        };
        let mut named = bitesize_key::default();
        named.comm[..2].copy_from_slice(b"dd");
        let mut out = Out::memory(format);
        tool.print(&mut out, vec![(bitesize_key::default(), hist(2, 1)), (named, hist(3, 5))]).unwrap();
        out.take()
    }

    #[test]
    fn histograms_are_those_of_names_the_busiest_first() {
        let text = show(Format::Text);
        let titles: Vec<&str> = text.lines().filter(|line| line.starts_with("Process")).collect();
        assert_eq!(titles, ["Process Name = dd", "Process Name = -"]);
        assert!(text.contains("\n     Kbytes "), "{text}");
    }

    #[test]
    fn json_has_the_name_and_the_sum() {
        let json = show(Format::Json);
        assert!(json.contains(r#""comm":"dd""#) && json.contains(r#""sum":40"#), "{json}");
        assert!(json.contains(r#""comm":null"#), "{json}");
    }
}
