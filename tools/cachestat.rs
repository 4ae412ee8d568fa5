//! cachestat: what is read from the page cache, and what has to be brought there first.

use std::fs;

use anyhow::Result;
use cbpf_bpf::events::{cachestat_what, cbpf_tally};
use cbpf_common::delta::Deltas;
use cbpf_common::engine::Plan;
use cbpf_common::options::{EachSecond, Pace, Shared};
use cbpf_common::out::{Column, Out};
use cbpf_common::owner::Scope;
use cbpf_common::session::Session;

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time
    #[arg(short = 'T', long)]
    timestamp: bool,
    #[command(flatten)]
    interval: EachSecond,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "cachestat";
    const ABOUT: &'static str = "Show hits and misses of the page cache, each second";
    const NOTES: &'static str = "The unit is folios: what the page cache keeps as one, a page or several (before \
        Linux 5.16: pages). What is read ahead counts as a miss of the task that caused it; what is overwritten in \
        the cache in the same period hides as many misses. BUFFERS_MB and CACHED_MB are those of the whole machine, \
        and shown only with --scope host.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf cachestat", "every second, hits and misses of your processes"),
        ("cbpf cachestat -T 10 6", "for a minute, with the time"),
    ];

    fn plan(&self, _: &Shared, _: &mut Plan) -> Result<()> {
        Ok(())
    }
}

/// What a period had.
#[derive(Debug, PartialEq)]
struct Seen {
    hits: u64,
    misses: u64,
    dirties: u64,
    /// Per cent; `None`: nothing was read.
    ratio: Option<f64>,
}

fn seen(gained: &[(u32, cbpf_tally)]) -> Seen {
    let n = |what: cachestat_what| gained.iter().find(|(of, _)| *of == what.0).map_or(0, |(_, tally)| tally.count);
    let dirties = n(cachestat_what::CACHESTAT_DIRTIED);
    let total = n(cachestat_what::CACHESTAT_ACCESSED).saturating_sub(n(cachestat_what::CACHESTAT_BUFFER_DIRTIED));
    let misses = n(cachestat_what::CACHESTAT_ADDED).saturating_sub(dirties);
    // More may be read ahead than is read.
    let hits = total.saturating_sub(misses);
    let all = hits + misses;
    Seen { hits, misses, dirties, ratio: (all > 0).then(|| 100.0 * hits as f64 / all as f64) }
}

/// A line of /proc/meminfo, in MB.
fn meminfo(text: &str, key: &str) -> Option<u64> {
    let kb = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(kb.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

impl Tool {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8).when(self.timestamp),
            Column::right("HITS", "hits", 8),
            Column::right("MISSES", "misses", 8),
            Column::right("DIRTIES", "dirties", 8),
            Column::right("HITRATIO", "hit_percent", 8),
            Column::right("BUFFERS_MB", "buffers_mb", 12),
            Column::right("CACHED_MB", "cached_mb", 10),
        ]
    }

    fn print(&self, out: &mut Out, seen: &Seen, memory: Option<&str>) -> Result<()> {
        out.row("count", None, &self.columns(), |row| {
            row.u64(seen.hits).u64(seen.misses).u64(seen.dirties);
            match seen.ratio {
                Some(percent) => row.float(percent, 2),
                None => row.none(),
            };
            for key in ["Buffers", "Cached"] {
                row.opt_u64(memory.and_then(|text| meminfo(text, key)));
            }
        })?;
        Ok(())
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_tally>;

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn table(&self) -> Vec<Column> {
        self.columns()
    }

    fn report(&self, context: &Context, session: &Session, state: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = state.step(session.snapshot("counters")?);
        let memory = if context.scope == Scope::Host { fs::read_to_string("/proc/meminfo").ok() } else { None };
        self.print(out, &seen(&gained), memory.as_deref())?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use cbpf_common::out::Format;

    fn gained(counts: [u64; 4]) -> Vec<(u32, cbpf_tally)> {
        (0u32..).zip(counts.map(|count| cbpf_tally { count, ..Default::default() })).collect()
    }

    #[test]
    fn what_is_written_is_no_miss() {
        let of = |counts| seen(&gained(counts));
        assert_eq!(of([100, 0, 25, 0]), Seen { hits: 75, misses: 25, dirties: 0, ratio: Some(75.0) });
        assert_eq!(of([110, 10, 35, 10]), Seen { hits: 75, misses: 25, dirties: 10, ratio: Some(75.0) });
        assert_eq!(of([10, 0, 40, 0]).hits, 0, "read ahead");
        assert_eq!(of([0, 0, 0, 9]).ratio, None);
    }

    #[test]
    fn the_machines_memory_stands_there_only_if_it_may_be_told() {
        let tool = Tool { timestamp: false, interval: EachSecond { interval: Duration::from_secs(1), count: None } };
        let show = |memory| {
            let mut out = Out::memory(Format::Text);
            tool.print(&mut out, &seen(&gained([4, 0, 1, 0])), memory).expect("memory");
            out.take()
        };
        assert_eq!(show(None), "       3        1        0    75.00            -          -\n");
        let memory = "MemFree: 1 kB\nBuffers:  2048 kB\nCached: 4096 kB\n";
        assert_eq!(show(Some(memory)), "       3        1        0    75.00            2          4\n");
    }
}
