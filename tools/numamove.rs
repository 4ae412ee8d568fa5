//! numamove: pages that are moved to the NUMA node of the task that uses them.

use std::fs;

use anyhow::Result;
use cbpf_bpf::events::numamove_total;
use cbpf_common::delta::Deltas;
use cbpf_common::engine::{Plan, Refused};
use cbpf_common::options::{EachSecond, Pace, Shared};
use cbpf_common::out::{Column, Out};
use cbpf_common::session::Session;

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    #[command(flatten)]
    interval: EachSecond,
}

const NODES: &str = "/sys/devices/system/node/has_memory";
const BALANCING: &str = "/proc/sys/kernel/numa_balancing";

impl tool::Tool for Tool {
    const NAME: &'static str = "numamove";
    const ABOUT: &'static str = "Count pages that NUMA balancing migrates, each second";
    const NOTES: &'static str = "The time is what your tasks waited in page faults; `-` where this kernel does not \
        say when a migration begins.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf numamove", "every second, the pages of your tasks that are migrated"),
        ("cbpf numamove 10 6 -p 185", "for a minute, those of one process"),
    ];

    fn plan(&self, _: &Shared, _: &mut Plan) -> Result<()> {
        let read = |path| fs::read_to_string(path).ok();
        match idle(read(NODES).as_deref(), read(BALANCING).as_deref()) {
            Some(why) => Err(Refused { tool: Self::NAME, reasons: vec![why.into()] }.into()),
            None => Ok(()),
        }
    }
}

/// Why nothing will ever be moved, from what the kernel says of its nodes and of the moving.
fn idle(nodes: Option<&str>, balancing: Option<&str>) -> Option<&'static str> {
    let several = nodes.is_some_and(|nodes| nodes.contains([',', '-']));
    match balancing.map(str::trim) {
        _ if !several => Some("there is only one NUMA node, so all pages are where they belong"),
        None => Some("the kernel does not migrate pages to the tasks that use them (no CONFIG_NUMA_BALANCING)"),
        Some("0") => Some("NUMA balancing is off; root turns it on with: sysctl kernel.numa_balancing=1"),
        Some(_) => None,
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::time("TIME", 8),
        Column::right("NUMA_migrations", "migrations", 16),
        Column::right("NUMA_failed", "failed", 12),
        Column::right("NUMA_migrations_ms", "ms", 19),
        Column::right("", "times", 0).when(false),
    ]
}

/// `timed`: the kernel says how long it takes.
fn print(out: &mut Out, gained: &numamove_total, timed: bool) -> Result<()> {
    out.row("count", None, &columns(), |row| {
        row.u64(gained.moved).u64(gained.failed);
        if timed { row.float(gained.ns as f64 / 1e6, 3) } else { row.none() }.u64(gained.times);
    })?;
    Ok(())
}

/// The set of programs that see ends alone (bpf/numamove.bpf.c).
const UNTIMED: u32 = 5;

impl Report for Tool {
    type State = Deltas<numamove_total>;

    fn pace(&self) -> Pace {
        self.interval.pace()
    }

    fn table(&self) -> Vec<Column> {
        columns()
    }

    fn report(&self, _: &Context, session: &Session, state: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = state.step::<u32>(session.snapshot("totals")?);
        let gained = gained.first().map_or_else(numamove_total::default, |(_, gained)| *gained);
        print(out, &gained, session.set().0 != UNTIMED)?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_common::out::Format;

    #[test]
    fn a_machine_that_moves_nothing_is_told_apart() {
        assert!(idle(Some("0\n"), Some("1\n")).is_some_and(|why| why.contains("one NUMA node")));
        assert!(idle(None, None).is_some_and(|why| why.contains("one NUMA node")));
        assert!(idle(Some("0-1\n"), Some("0\n")).is_some_and(|why| why.contains("sysctl")));
        assert!(idle(Some("0,2\n"), None).is_some_and(|why| why.contains("CONFIG_NUMA_BALANCING")));
        assert_eq!(idle(Some("0-3\n"), Some("1\n")), None);
        assert_eq!(idle(Some("0-1\n"), Some("2\n")), None);
    }

    #[test]
    fn a_time_that_is_not_known_is_not_zero() {
        let gained = numamove_total { times: 3, moved: 40, failed: 1, ns: 2_500_000 };
        let show = |format, timed| {
            let mut out = Out::memory(format);
            print(&mut out, &gained, timed).expect("memory");
            out.take()
        };
        let text = show(Format::Text, true);
        assert!(text.ends_with("              40            1               2.500\n"), "{text}");
        assert!(show(Format::Text, false).ends_with("              40            1                   -\n"));
        let json = show(Format::Json, false);
        assert!(json.contains(r#""migrations":40,"failed":1,"ms":null,"times":3"#), "{json}");
    }
}
