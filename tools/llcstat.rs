//! llcstat: how well the last-level cache serves tasks.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{cbpf_comm, cbpf_tally, llcstat_key};
use cbpf_common::engine::{Plan, Sample};
use cbpf_common::options::{self, Pace, Shared};
use cbpf_common::out::{Column, Format, Out, until_nul};
use cbpf_common::session::Session;
use clap::builder::ArgPredicate::IsPresent;

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Take a sample after this many references, and after this many misses
    #[arg(short = 'c', long = "sample_period", visible_alias = "sample-period", value_name = "EVENTS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000_000))]
    period: u64,
    /// Count each thread by itself
    #[arg(short = 't', long = "tids")]
    by_thread: bool,
    /// End after this many seconds; with -d or a command, with that
    #[arg(value_parser = options::seconds, default_value = "10", default_value_ifs = [("duration", IsPresent, None), ("command", IsPresent, None)])]
    seconds: Option<Duration>,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "llcstat";
    const ABOUT: &'static str = "Count references to the last-level cache, and misses, by task and CPU";
    const NOTES: &'static str = "The numbers are estimates: a sample stands for as many events as -c says, and \
        references and misses are sampled separately. The default is 10000, not the 100 of libbpf-tools: a busy CPU \
        makes tens of millions of references a second, and if there are more samples than the kernel allows \
        (kernel.perf_event_max_sample_rate), it drops some of both. The daemon takes 10000 and more. It needs \
        hardware that counts these events; most virtual machines lack it.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf llcstat", "your processes, for 10 seconds"),
        ("cbpf llcstat -t -p 4711 5", "the threads of one process, for 5 seconds"),
        ("cbpf llcstat -c 1000 -- ./sort", "a command, to its end and in more detail"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        let comm_of = if self.by_thread { cbpf_comm::CBPF_THREAD_COMM } else { cbpf_comm::CBPF_PROCESS_COMM };
        plan.sample("references", Sample::cache_references(self.period))
            .sample("misses", Sample::cache_misses(self.period))
            .knob("by_thread", self.by_thread)
            .knob("comm_of", comm_of.0);
        Ok(())
    }
}

/// Events, by estimate.
#[derive(Clone, Copy, Default)]
struct Uses {
    references: u64,
    misses: u64,
}

impl Uses {
    fn add(&mut self, miss: bool, events: u64) {
        *(if miss { &mut self.misses } else { &mut self.references }) += events;
    }

    /// Per cent; `None`: no reference was seen.
    fn hits(self) -> Option<f64> {
        let hits = self.references.saturating_sub(self.misses);
        (self.references > 0).then(|| 100.0 * hits as f64 / self.references as f64)
    }
}

impl Tool {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::left("PID", "pid", 8),
            Column::left("TID", "tid", 8).when(self.by_thread),
            Column::left("NAME", "comm", 16),
            Column::left("CPU", "cpu", 4),
            Column::right("REFERENCE", "references", 12),
            Column::right("MISS", "misses", 12),
            Column::right("HIT%", "hit_percent", 7),
        ]
    }

    fn print(&self, out: &mut Out, tallies: &[(llcstat_key, cbpf_tally)]) -> Result<()> {
        let mut rows = BTreeMap::<_, ([u8; 16], Uses)>::new();
        let mut all = Uses::default();
        for (key, tally) in tallies {
            let (comm, uses) = rows.entry((key.pid, key.tid, key.cpu)).or_default();
            *comm = tally.comm;
            uses.add(key.miss != 0, tally.total);
            all.add(key.miss != 0, tally.total);
        }
        let mut rows = Vec::from_iter(rows);
        rows.sort_by_key(|(_, (_, uses))| Reverse(uses.references));
        for ((pid, tid, cpu), (comm, uses)) in rows {
            out.row("count", None, &self.columns(), |row| {
                row.u64(pid).opt_u64(self.by_thread.then_some(tid)).text(until_nul(&comm)).u64(cpu);
                row.u64(uses.references).u64(uses.misses);
                match uses.hits() {
                    Some(percent) => row.float(percent, 2),
                    None => row.none(),
                };
            })?;
        }
        if out.format() == Format::Text {
            let hits = all.hits().map_or("-".into(), |percent| format!("{percent:.2}%"));
            let Uses { references, misses } = all;
            out.line(format!("Total References: {references} Total Misses: {misses} Hit Rate: {hits}"))?;
        }
        Ok(())
    }
}

impl Report for Tool {
    type State = ();

    fn pace(&self) -> Pace {
        (self.seconds, Some(1))
    }

    fn table(&self) -> Vec<Column> {
        self.columns()
    }

    fn report(&self, _: &Context, session: &Session, (): &mut (), out: &mut Out) -> Result<u64> {
        let tallies: Vec<(llcstat_key, cbpf_tally)> = session.snapshot("tallies")?;
        self.print(out, &tallies)?;
        Ok(tallies.iter().map(|(_, tally)| tally.count).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    // With the shared options, of which some are looked at.
    fn tool(args: &[&str]) -> Tool {
        let command = (tool::Entry::report::<Tool>().command)();
        let matches = command.try_get_matches_from([&["llcstat"], args].concat()).expect("options");
        Tool::from_arg_matches(&matches).expect("options")
    }

    fn show(args: &[&str], format: Format) -> String {
        let tally = |tid, miss, samples| {
            let mut tally = cbpf_tally { count: samples, total: samples * 100, ..Default::default() };
            tally.comm[..2].copy_from_slice(b"cc");
            (llcstat_key { pid: 7, tid, cpu: 1, miss }, tally)
        };
        let mut out = Out::memory(format);
        tool(args).print(&mut out, &[tally(8, 1, 1), tally(8, 0, 4), tally(9, 1, 2), tally(7, 0, 9)]).expect("memory");
        out.take()
    }

    #[test]
    fn references_and_misses_stand_side_by_side() {
        let text = show(&["-t"], Format::Text);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "7        7        cc               1             900            0  100.00", "{text}");
        assert!(lines[1].ends_with("400          100   75.00") && lines[2].ends_with("0          200       -"), "{text}");
        assert_eq!(lines[3], "Total References: 1300 Total Misses: 300 Hit Rate: 76.92%");
        let json = show(&[], Format::Json);
        assert!(json.contains(r#""tid":null,"comm":"cc","cpu":1,"references":900,"misses":0,"hit_percent":100"#), "{json}");
    }

    #[test]
    fn it_lasts_ten_seconds_unless_told() {
        let lasts = |args: &[&str]| tool(args).pace().0.map(|d| d.as_secs());
        assert_eq!((lasts(&[]), lasts(&["5"])), (Some(10), Some(5)));
        assert_eq!((lasts(&["-d", "60"]), lasts(&["--", "make"])), (None, None));
    }
}
