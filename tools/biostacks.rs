//! biostacks: how long block I/O takes, by where in the kernel it comes from.

use std::cmp::Reverse;
use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{biostacks_key, cbpf_comm, cbpf_hist};
use cbpf_common::delta::Cumulative as _;
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Shared, Unit};
use cbpf_common::out::{Hist, Label, Out, until_nul};
use cbpf_common::session::Session;

use crate::shared::disks::Disks;
use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Only this disk
    #[arg(short, long, value_name = "DISK")]
    disk: Option<String>,
    #[command(flatten)]
    unit: Unit,
    /// Report after this many seconds instead of at the end
    #[arg(value_name = "DURATION", value_parser = options::seconds)]
    stop_after: Option<Duration>,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "biostacks";
    const ABOUT: &'static str = "Summarize how long block I/O takes, by process, disk and kernel stack";
    const NOTES: &'static str = "The stack is that of the task that submitted the I/O, innermost function first; the \
        time is from issue to completion. Writeback, which counts in scope container by the cgroup that caused it, \
        has neither name nor stack.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf biostacks 10", "where your I/O comes from, for ten seconds"),
        ("cbpf biostacks -m -d sda", "what goes to sda, in milliseconds"),
        ("cbpf biostacks -- git gc", "why a program reads and writes"),
    ];

    fn duration(&self) -> Option<Duration> {
        self.stop_after
    }

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("unit", self.unit.ns())
            .knob("with_stacks", true)
            .knob("comm_of", cbpf_comm::CBPF_THREAD_COMM.0)
            .knob("only_disk", Disks::only(self.disk.as_deref())?);
        Ok(())
    }
}

/// What stands for a stack that the kernel had no room for.
const LOST: &str = "[Missed Kernel Stack]";

impl Tool {
    fn print(
        &self,
        out: &mut Out,
        disk: &str,
        key: &biostacks_key,
        hist: &cbpf_hist,
        stack: &[&str],
    ) -> std::io::Result<()> {
        let comm = until_nul(&hist.comm);
        let (comm, pid) = match key.pid {
            0 => (None, "-".to_owned()),
            pid => (Some(comm), pid.to_string()),
        };
        let name = String::from_utf8_lossy(comm.unwrap_or(b"-"));
        out.line(format!("{name:14} {pid:6} {disk:7}").trim_end())?;
        for frame in stack {
            out.line(frame)?;
        }
        let labels = [
            ("comm", comm.map_or(Label::None, Label::Text)),
            ("pid", if key.pid == 0 { Label::None } else { Label::U64(key.pid.into()) }),
            ("disk", Label::Text(disk.as_bytes())),
            ("kernel", Label::List(stack)),
        ];
        out.histogram(&Hist { labels: &labels, sum: Some(hist.total), ..Hist::log2(self.unit.name(), &hist.slots) })?;
        out.line("")
    }
}

impl Report for Tool {
    type State = ();

    fn report(&self, context: &Context, session: &Session, (): &mut (), out: &mut Out) -> Result<u64> {
        let disks = Disks::read().unwrap_or_default();
        let mut hists: Vec<(biostacks_key, cbpf_hist)> = session.snapshot("hists")?;
        hists.sort_by_key(|(_, hist)| (Reverse(hist.total), Reverse(hist.count())));
        for (key, hist) in &hists {
            let names = match u32::try_from(key.stack) {
                Ok(id) => session.kernel_stack("stacks", id, &context.symbols)?,
                // EFAULT: there is none.
                Err(_) => (key.stack == -libc::EFAULT).then(Vec::new),
            };
            let names: Vec<&str> =
                names.as_ref().map_or_else(|| vec![LOST], |names| names.iter().map(|name| &**name).collect());
            self.print(out, &disks.name(key.dev), key, hist, &names)?;
        }
        Ok(hists.iter().map(|(_, hist)| hist.count()).sum())
    }
}

#[cfg(test)]
mod tests {
    use cbpf_common::out::Format;

    use super::*;

    fn show(pid: u32, stack: &[&str], format: Format) -> String {
        let tool = Tool { disk: None, unit: Unit { milliseconds: false }, stop_after: None };
        let mut hist = cbpf_hist { total: 40, ..Default::default() };
        hist.slots[3] = 4;
        hist.comm[..2].copy_from_slice(b"dd");
        let mut out = Out::memory(format);
        tool.print(&mut out, "sda", &biostacks_key { pid, ..Default::default() }, &hist, stack).expect("memory");
        out.take()
    }

    #[test]
    fn a_stack_stands_between_its_owner_and_its_histogram() {
        let text = show(7, &["submit_bio", "read"], Format::Text);
        assert!(text.starts_with("dd             7      sda\nsubmit_bio\nread\n     usecs "), "{text}");
        assert!(show(0, &[], Format::Text).starts_with("-              -      sda\n     usecs "));
    }

    #[test]
    fn json_is_one_record() {
        let json = show(7, &["submit_bio", "read"], Format::Json);
        assert!(json.contains(r#""comm":"dd","pid":7,"disk":"sda","kernel":["submit_bio","read"]"#), "{json}");
        assert!(json.lines().count() == 1, "{json}");
        assert!(show(0, &[], Format::Json).contains(r#""comm":null,"pid":null"#));
    }
}
