//! cpufreq: how fast the CPUs run that tasks have.

use std::cmp::Reverse;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_hist, cpufreq_key};
use cbpf_common::delta::Cumulative as _;
use cbpf_common::engine::{Plan, Refused};
use cbpf_common::options::Shared;
use cbpf_common::out::{Hist, Label, Out, until_nul};
use cbpf_common::owner::Scope;
use cbpf_common::session::Session;

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Samples per second on each CPU
    #[arg(short, long, value_name = "HERTZ", default_value_t = 99, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    frequency: u64,
}

/// `CPUFREQ_STEP_MHZ`
const STEP: u64 = 200;

/// `CPUFREQ_CPUS`
const CPUS: usize = 1024;

const CPU: &str = "/sys/devices/system/cpu";

/// How fast each CPU runs now, kHz; 0 where that is not known. Ends behind the last one that is known.
fn frequencies() -> Vec<u32> {
    let read = |cpu| std::fs::read_to_string(format!("{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq")).ok()?.trim().parse().ok();
    let mut all: Vec<u32> = (0..CPUS).map(|cpu| read(cpu).unwrap_or(0)).collect();
    all.truncate(all.iter().rposition(|khz| *khz > 0).map_or(0, |last| last + 1));
    all
}

impl tool::Tool for Tool {
    const NAME: &'static str = "cpufreq";
    const ABOUT: &'static str = "Sample the frequency of the CPUs that tasks run on, as a histogram for each name";
    const NOTES: &'static str = "A sample is taken when a task of the scope has the CPU. The frequency is the one \
        that the kernel has set: where the hardware chooses by itself (intel_pstate, amd-pstate) it stays what it was \
        at the start. Most virtual machines have none at all. Where perf events are not available, as with a token, \
        samples are taken when the scheduler accounts for the time that tasks have run: as many, each with the \
        frequency at that moment, up to a tick late; before Linux 5.16, none of real-time tasks.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf cpufreq -d 5", "the frequencies that your tasks run at, for 5 seconds"),
        ("cbpf cpufreq -f 199 -- make", "the same for a build, with more samples"),
        ("sudo cbpf cpufreq --scope host", "every CPU of the machine, idle or not"),
    ];

    fn plan(&self, shared: &Shared, plan: &mut Plan) -> Result<()> {
        let khz = frequencies();
        if khz.is_empty() {
            let why = format!("no CPU of this machine reports its frequency ({CPU}/cpu*/cpufreq: there is no driver)");
            return Err(Refused { tool: Self::NAME, reasons: vec![why] }.into());
        }
        let bytes: Vec<u8> = khz.iter().flat_map(|khz| khz.to_ne_bytes()).collect();
        plan.knob("first_khz", bytes);
        plan.sample_cpu_time(self.frequency, shared.scope == Some(Scope::Host));
        Ok(())
    }
}

impl Tool {
    fn print(out: &mut Out, host: bool, mut hists: Vec<(cpufreq_key, cbpf_hist)>) -> Result<()> {
        let mut all = cbpf_hist::default();
        for (_, hist) in &hists {
            all.slots.iter_mut().zip(hist.slots).for_each(|(sum, n)| *sum += n);
            all.total += hist.total;
        }
        hists.sort_by_key(|(key, hist)| (Reverse(hist.count()), key.comm));
        for (key, hist) in &hists {
            let comm = until_nul(&key.comm);
            if !comm.is_empty() {
                Self::histogram(out, comm, Label::Text(comm), hist)?;
            }
        }
        Self::histogram(out, if host { b"syswide" } else { b"all" }, Label::None, &all)
    }

    fn histogram(out: &mut Out, title: &[u8], comm: Label<'_>, hist: &cbpf_hist) -> Result<()> {
        out.line("")?;
        let (labels, sum) = ([("comm", comm)], Some(hist.total));
        Ok(out.histogram(&Hist { title, labels: &labels, sum, ..Hist::linear("MHz", &hist.slots, 0, STEP) })?)
    }
}

impl Report for Tool {
    type State = ();

    fn report(&self, context: &Context, session: &Session, (): &mut (), out: &mut Out) -> Result<u64> {
        let hists: Vec<(cpufreq_key, cbpf_hist)> = session.snapshot("hists")?;
        let events = hists.iter().map(|(_, hist)| hist.count()).sum();
        Self::print(out, context.scope == Scope::Host, hists)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use cbpf_common::out::Format;

    use super::*;

    fn show(format: Format) -> String {
        let hist = |slot: usize, count| {
            let mut hist = cbpf_hist { total: slot as u64 * STEP * count, ..Default::default() };
            hist.slots[slot] = count;
            hist
        };
        let mut named = cpufreq_key::default();
        named.comm[..2].copy_from_slice(b"cc");
        let mut out = Out::memory(format);
        Tool::print(&mut out, true, vec![(cpufreq_key::default(), hist(4, 7)), (named, hist(12, 3))]).expect("memory");
        out.take()
    }

    #[test]
    fn names_come_before_the_sum_of_all() {
        let text = show(Format::Text);
        let (named, all) = text.split_once("\nsyswide\n").expect("both");
        assert!(named.starts_with("\ncc\n     MHz "), "{text}");
        assert!(named.contains("2400") && !named.contains("800") && all.contains("800"), "{text}");
    }

    #[test]
    fn json_has_the_name_or_none() {
        let json = show(Format::Json);
        assert!(json.contains(r#""comm":"cc""#) && json.contains(r#""comm":null"#), "{json}");
        assert!(json.contains(r#"{"lo":2400,"hi":2599,"count":3}"#), "{json}");
    }
}
