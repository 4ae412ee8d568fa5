//! runqlen: how many tasks wait for a CPU.

use anyhow::Result;
use cbpf_bpf::events::cbpf_hist;
use cbpf_common::delta::{Cumulative as _, Deltas};
use cbpf_common::engine::{self, Plan};
use cbpf_common::options::{Interval, Pace, Shared};
use cbpf_common::out::{Column, Format, Hist, Label, Out};
use cbpf_common::owner::Scope;
use cbpf_common::session::Session;

use crate::cli::run::{Context, Usage};
use crate::cli::tool;

#[derive(clap::Args)]
pub struct Tool {
    /// Count each CPU by itself
    #[arg(short = 'C', long)]
    cpus: bool,
    /// Print the percentage of samples in which any task waited
    #[arg(short = 'O', long)]
    runqocc: bool,
    /// Print the time of each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Samples per second on each CPU
    #[arg(short, long, value_name = "HERTZ", default_value_t = 99, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    frequency: u64,
    /// Count the whole queue of the CPU, not that of the task's own cgroup (with --scope host)
    #[arg(short = 'H', long)]
    host: bool,
    #[command(flatten)]
    interval: Interval,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "runqlen";
    const ABOUT: &'static str = "Sample the length of the run queues, as a histogram";
    const NOTES: &'static str = "A sample is taken when a task of the scope has the CPU, and counts the other tasks \
        in the queue of its cgroup. Times when your tasks do not run are not included; cbpf runqlat shows how long \
        they wait. Where perf events are not available, as with a token, samples are taken when the scheduler \
        accounts for the time that tasks have run: as many, and of the same queue; before Linux 5.16, none of \
        real-time tasks.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf runqlen 1 10", "ten times a second's samples"),
        ("cbpf runqlen -C -O 5", "how often any task waits, on each CPU"),
        ("sudo cbpf runqlen --scope host -H", "the whole machine, idle CPUs included"),
    ];

    fn plan(&self, shared: &Shared, plan: &mut Plan) -> Result<()> {
        if self.host && shared.scope != Some(Scope::Host) {
            let why = "-H: the whole queue of a CPU tells of everybody's tasks; root of the host sees it with --scope host";
            return Err(Usage(why.into()).into());
        }
        plan.sample_cpu_time(self.frequency, shared.scope == Some(Scope::Host))
            .knob("by_cpu", self.cpus)
            .knob("whole_cpu", self.host)
            .entries("lengths", if self.cpus { engine::possible_cpus()? } else { 1 });
        Ok(())
    }
}

/// Of -O, in JSON; the text is a line.
const OCCUPANCY: &[Column] = &[
    Column::right("CPU", "cpu", 3),
    Column::right("SAMPLES", "samples", 0),
    Column::right("QUEUED", "queued", 0),
    Column::right("RUNQOCC", "runqocc", 0),
];

impl tool::Report for Tool {
    type State = Deltas<cbpf_hist>;

    const OWN_HEADER: bool = true;

    fn table(&self) -> Vec<Column> {
        OCCUPANCY.to_vec()
    }

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (mut gained, events) = seen.step::<u32>(session.snapshot("lengths")?);
        gained.sort_by_key(|(cpu, _)| *cpu);
        out.line("")?;
        if self.timestamp {
            out.time_line()?;
        }
        for (cpu, hist) in gained {
            self.print(cpu, &hist, out)?;
        }
        Ok(events)
    }
}

impl Tool {
    fn print(&self, cpu: u32, hist: &cbpf_hist, out: &mut Out) -> std::io::Result<()> {
        if self.runqocc {
            return self.occupancy(cpu, hist, out);
        }
        let title = if self.cpus { format!("cpu = {cpu}") } else { String::new() };
        let labels: &[_] = if self.cpus { &[("cpu", Label::U64(cpu.into()))] } else { &[] };
        let sum = Some(hist.total);
        out.histogram(&Hist { title: title.as_bytes(), labels, sum, ..Hist::linear("runqlen", &hist.slots, 0, 1) })
    }

    fn occupancy(&self, cpu: u32, hist: &cbpf_hist, out: &mut Out) -> std::io::Result<()> {
        let samples = hist.count();
        let queued = samples - hist.slots[0];
        let percent = 100.0 * queued as f64 / samples.max(1) as f64;
        if out.format() == Format::Json {
            return out.row("occupancy", None, OCCUPANCY, |row| {
                row.opt_u64(self.cpus.then_some(cpu)).u64(samples).u64(queued).float(percent, 2);
            });
        }
        out.line(if self.cpus { format!("runqocc, CPU {cpu:<3} {percent:6.2}%") } else { format!("runqocc: {percent:.2}%") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tool::parsed;

    fn show(args: &[&str], format: Format) -> String {
        let tool: Tool = parsed(args).expect("options");
        let mut hist = cbpf_hist { total: 5, ..Default::default() };
        hist.slots[..3].copy_from_slice(&[5, 1, 2]);
        let mut out = Out::memory(format);
        tool.print(3, &hist, &mut out).expect("memory");
        out.take()
    }

    #[test]
    fn lengths_and_occupancy_are_shown_by_cpu_or_together() {
        assert_eq!(show(&["-O"], Format::Text), "runqocc: 37.50%\n");
        assert_eq!(show(&["-OC"], Format::Text), "runqocc, CPU 3    37.50%\n");
        let row = show(&["-OC"], Format::Json);
        assert!(row.contains(r#""cpu":3,"samples":8,"queued":3,"runqocc":37.5"#), "{row}");
        assert!(show(&["-C"], Format::Text).starts_with("cpu = 3\n     runqlen "));
        assert!(show(&[], Format::Json).contains(r#"{"lo":2,"hi":2,"count":2}],"total":8,"sum":5"#));
    }
}
