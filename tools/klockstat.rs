//! klockstat: how long tasks wait for the kernel's locks, and hold them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use anyhow::Result;
use cbpf_bpf::events::{klockstat_key, klockstat_most, klockstat_stat};
use cbpf_common::delta::{self, Cumulative as _, Deltas};
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Pace, Shared};
use cbpf_common::out::{Column, Format, Mark, Out, until_nul};
use cbpf_common::session::Session;
use cbpf_common::symbols::Name;

use crate::cli::run::{Context, Usage};
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// Only locks taken by functions whose name begins with FUNCTION
    #[arg(short, long, value_name = "FUNCTION", conflicts_with = "per_thread")]
    caller: Option<String>,
    /// Only the static lock of this name
    #[arg(short = 'L', long, value_name = "NAME")]
    lock: Option<String>,
    /// Print at most this many rows of waits, and of holds
    #[arg(short = 'n', long, value_name = "LINES")]
    locks: Option<usize>,
    /// Functions to print of each stack
    #[arg(short, long, value_name = "FRAMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MAX_STACKS), conflicts_with = "per_thread")]
    stacks: u32,
    /// Sort the waits by acq_max, acq_total or acq_count, and the holds by hld_max, hld_total or hld_count
    #[arg(short = 'S', long, value_name = "FIELD", value_delimiter = ',', value_parser = sort)]
    sort: Vec<Sort>,
    /// Report every SECONDS seconds instead of once at the end
    #[arg(short, long, value_name = "SECONDS", value_parser = options::seconds)]
    interval: Option<Duration>,
    /// Start again from zero after each report
    #[arg(short = 'R', long)]
    reset: bool,
    /// Print the time
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// By thread instead of by the function that takes the lock
    #[arg(short = 'P', long)]
    per_thread: bool,
}

/// Frames of a stack that are kept: those that are shown, and above them those of the tracing and of the lock itself.
const MAX_STACKS: i64 = 127 - LOCK_FRAMES as i64;
const LOCK_FRAMES: u32 = 16;
const TRACING_FRAMES: usize = 4;

/// Of waits (0) or holds (1), by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sort(u32, Field);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Max,
    Total,
    Count,
}

fn sort(text: &str) -> Result<Sort, String> {
    let (kind, field) = text.split_once('_').unwrap_or((text, ""));
    let field = match field {
        "max" => Field::Max,
        "total" => Field::Total,
        "count" => Field::Count,
        _ => return Err("not one of acq_max, acq_total, acq_count, hld_max, hld_total, hld_count".into()),
    };
    match kind {
        "acq" => Ok(Sort(0, field)),
        "hld" => Ok(Sort(1, field)),
        _ => Err("it begins with acq_ or hld_".into()),
    }
}

impl tool::Tool for Tool {
    const NAME: &'static str = "klockstat";
    const ABOUT: &'static str = "Summarize how long tasks wait for, and hold, the kernel's mutexes and semaphores";
    const NOTES: &'static str = "Where kernel functions cannot be traced, only waits for locks that others held are \
        seen, and holds are `-`. A lock has a name if it is a static one (Linux 5.13, with CONFIG_KALLSYMS_ALL); the \
        name shown is that of the lock with the longest time.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf klockstat -d 5", "where your tasks wait for locks, for 5 seconds"),
        ("cbpf klockstat -i 1 -R -n 5", "every second, the worst five places"),
        ("cbpf klockstat -L rtnl_mutex -s 4 -- ip link", "one lock, with more of the stacks"),
        ("cbpf klockstat -P -S acq_total", "which thread waits most"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        if self.reset && self.interval.is_none() {
            return Err(Usage("-R starts each report from zero: it needs -i SECONDS".into()).into());
        }
        if let Some(lock) = &self.lock {
            if lock.starts_with("0x") || lock.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(Usage("-L: kernel addresses are neither shown nor accepted; name the lock".into()).into());
            }
            let longest = klockstat_most::default().lock.len() - 1; // with a NUL
            if !(1..=longest).contains(&lock.len()) {
                return Err(Usage(format!("-L: a name of 1 to {longest} letters")).into());
            }
            plan.knob("only_lock", lock.as_bytes().to_vec());
        }
        plan.knob("with_max", true)
            .knob("per_thread", self.per_thread)
            .depth("stacks", self.stacks + LOCK_FRAMES);
        Ok(())
    }
}

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Thread(u32),
    /// Innermost first; not empty.
    Stack(Vec<Name>),
}

/// What a line says.
#[derive(Clone, Default)]
struct Line {
    count: u64,
    total: u64,
    max: u64,
    most: klockstat_most,
}

impl Line {
    fn add(&mut self, stat: &klockstat_stat, max: u64, most: klockstat_most) {
        self.count += stat.count;
        self.total += stat.total;
        if max >= self.max {
            (self.max, self.most) = (max, most);
        }
    }

    fn by(&self, field: Field) -> u64 {
        match field {
            Field::Max => self.max,
            Field::Total => self.total,
            Field::Count => self.count,
        }
    }
}

/// The longest time of a period, and whose it was.
fn most(stat: &klockstat_stat, period: u64) -> (u64, klockstat_most) {
    let slot = delta::max_slot(&stat.period, &stat.max, period);
    slot.map(|n| (stat.max[n], stat.most[n])).unwrap_or_default()
}

/// `rtnl_mutex` from `rtnl_mutex+0x0/0x20`; inside of something it keeps its place.
fn lock_name(most: &klockstat_most) -> Option<String> {
    let name = String::from_utf8_lossy(until_nul(&most.lock)).into_owned();
    let name = name.split('/').next().unwrap_or_default();
    Some(name.strip_suffix("+0x0").unwrap_or(name).to_owned()).filter(|name| !name.is_empty())
}

/// The functions that take a lock, which stand above the one that wanted it.
fn is_lock(name: &str) -> bool {
    const PARTS: [&str; 6] =
        ["mutex_lock", "mutex_trylock", "down_read", "down_write", "contention_begin", "mutex_optimistic_spin"];
    PARTS.iter().any(|part| name.trim_start_matches('_').starts_with(part)) || name.starts_with("rwsem_")
}

impl Tool {
    fn columns(&self, held: bool) -> Vec<Column> {
        let (avg, max, total) =
            if held { ("Avg Hold", "Max Hold", "Total Hold") } else { ("Avg Wait", "Max Wait", "Total Wait") };
        vec![
            Column::right("Caller", "caller", 37).when(!self.per_thread),
            Column::right("Tid", "tid", 20).when(self.per_thread),
            Column::right("Comm", "comm", 16).when(self.per_thread),
            Column::right(avg, "avg_ns", 9),
            Column::right("Count", "count", 8),
            Column::right(max, "max_ns", 10),
            Column::right(total, "total_ns", 12),
            Column::last("Lock", "lock"),
            Column::right("", "max_tid", 0).when(false),
            Column::left("", "max_comm", 0).when(false),
            Column::left("", "stack", 0).when(false),
        ]
    }

    fn print(&self, out: &mut Out, held: bool, place: &Place, line: &Line) -> Result<()> {
        let (comm, lock) = (until_nul(&line.most.comm), lock_name(&line.most));
        let frames = if let Place::Stack(frames) = place { frames.as_slice() } else { &[] };
        out.row(if held { "hold" } else { "wait" }, None, &self.columns(held), |row| {
            match place {
                Place::Thread(tid) => row.none().u64(*tid).text(comm),
                Place::Stack(frames) => row.text(frames.first().map_or("", |name| &**name)).none().none(),
            };
            row.duration(line.total.checked_div(line.count).unwrap_or(0)).u64(line.count);
            row.duration(line.max).duration(line.total);
            match &lock {
                Some(lock) => row.text(lock),
                None => row.none(),
            };
            row.u64(line.most.tid).text(comm).list(frames.iter().map(|name| name.as_bytes()), false, Mark::Whole);
        })?;
        for name in frames.iter().skip(1) {
            out.line(format!("{name:>37}"))?;
        }
        if self.stacks > 1 {
            let (tid, comm) = (line.most.tid, String::from_utf8_lossy(comm));
            out.line(format!("{:>37} {tid}, COMM {comm}, Lock {}", "Max TID", lock.as_deref().unwrap_or("-")))?;
        }
        Ok(())
    }

    /// Waits or holds. `None`: they cannot be known here.
    fn block(&self, out: &mut Out, held: bool, lines: Option<Vec<(Place, Line)>>) -> Result<()> {
        out.line("")?;
        out.header(&self.columns(held))?;
        let Some(mut lines) = lines else {
            if out.format() == Format::Json {
                return Ok(()); // no record is what is known of them
            }
            return Ok(out.row("hold", None, &self.columns(held), |row| {
                (0..self.columns(held).len()).for_each(|_| _ = row.none());
            })?);
        };
        let wanted = self.sort.iter().rev().find(|sort| sort.0 == u32::from(held));
        let field = wanted.map_or(Field::Max, |sort| sort.1);
        lines.sort_by(|(a, x), (b, y)| (Reverse(x.by(field)), a).cmp(&(Reverse(y.by(field)), b)));
        for (place, line) in lines.iter().take(self.locks.unwrap_or(usize::MAX)) {
            self.print(out, held, place, line)?;
        }
        Ok(())
    }

    /// The functions that wanted the lock, from the one that took it on.
    fn frames(&self, names: Option<Vec<Name>>) -> Vec<Name> {
        let names = names.unwrap_or_else(|| vec!["[missed stack]".into()]);
        let last = names.last().cloned();
        // Innermost may be the trampoline.
        let tracing = names.iter().take(TRACING_FRAMES).position(|name| is_lock(name)).unwrap_or(0);
        let callers = names.into_iter().skip(tracing).skip_while(|name| is_lock(name));
        let frames: Vec<Name> = callers.take(self.stacks as usize).collect();
        if frames.is_empty() { last.into_iter().collect() } else { frames }
    }
}

/// The set of programs that see waits alone (bpf/klockstat.bpf.c).
const WAITS_ONLY: u32 = 3;

/// What was last reported, and the names of stacks.
#[derive(Default)]
pub struct State {
    seen: Deltas<klockstat_stat>,
    stacks: HashMap<u32, Vec<Name>>,
}

impl Report for Tool {
    type State = State;
    const OWN_HEADER: bool = true;

    fn pace(&self) -> Pace {
        (self.interval, None)
    }

    fn table(&self) -> Vec<Column> {
        [self.columns(false), self.columns(true)].concat()
    }

    fn report(&self, context: &Context, session: &Session, state: &mut State, out: &mut Out) -> Result<u64> {
        let period = if self.reset { session.next_period()? } else { 0 };
        let stats: Vec<(klockstat_key, klockstat_stat)> = session.snapshot("stats")?;
        let events = stats.iter().map(|(_, stat)| stat.count()).sum();
        let stats = if self.reset { state.seen.step(stats).0 } else { stats };
        let mut lines = [HashMap::<Place, Line>::new(), HashMap::new()];
        for (key, stat) in &stats {
            let place = if self.per_thread {
                Place::Thread(key.id)
            } else {
                let frames = match state.stacks.entry(key.id) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        // An id that is an errno is none of the map's.
                        let names = session.kernel_stack("stacks", key.id, &context.symbols)?;
                        new.insert(self.frames(names))
                    }
                };
                Place::Stack(frames.clone())
            };
            if let (Some(prefix), Place::Stack(frames)) = (&self.caller, &place)
                && !frames.first().is_some_and(|name| name.starts_with(prefix.as_str()))
            {
                continue;
            }
            let (max, most) = most(stat, period);
            lines[usize::from(key.held != 0)].entry(place).or_default().add(stat, max, most);
        }
        if self.timestamp {
            out.time_line()?;
        }
        let [waits, holds] = lines.map(|lines| lines.into_iter().collect::<Vec<_>>());
        self.block(out, false, Some(waits))?;
        self.block(out, true, (session.set().0 != WAITS_ONLY).then_some(holds))?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    fn tool(args: &[&str]) -> Tool {
        let command = <Tool as clap::Args>::augment_args(clap::Command::new("klockstat"));
        let matches = command.try_get_matches_from([&["klockstat"], args].concat()).expect("options");
        Tool::from_arg_matches(&matches).expect("options")
    }

    fn line(count: u64, total: u64, max: u64, lock: &str) -> Line {
        let mut most = klockstat_most { tid: 9, ..Default::default() };
        most.comm[..2].copy_from_slice(b"ip");
        most.lock[..lock.len()].copy_from_slice(lock.as_bytes());
        Line { count, total, max, most }
    }

    fn stack(names: &[&str]) -> Place {
        Place::Stack(names.iter().map(|name| Name::from(*name)).collect())
    }

    #[test]
    fn places_are_sorted_and_holds_that_are_not_known_are_not_zero() {
        let show = |args: &[&str], format| {
            let mut out = Out::memory(format);
            let lines = vec![
                (stack(&["a", "b"]), line(4, 10_000_000, 2_500, "rtnl_mutex+0x0/0x20")),
                (stack(&["c"]), line(2, 1_000, 700, "")),
            ];
            let tool = tool(args);
            tool.block(&mut out, false, Some(lines)).expect("memory");
            tool.block(&mut out, true, None).expect("memory");
            out.take()
        };
        let text = show(&["-s", "2"], Format::Text);
        let expected = [
            "",
            "                               Caller  Avg Wait    Count   Max Wait   Total Wait Lock",
            "                                    a    2.5 ms        4     2.5 us      10.0 ms rtnl_mutex",
            "                                    b",
            "                              Max TID 9, COMM ip, Lock rtnl_mutex",
            "                                    c    500 ns        2     700 ns       1.0 us -",
            "                              Max TID 9, COMM ip, Lock -",
            "",
            "                               Caller  Avg Hold    Count   Max Hold   Total Hold Lock",
            "                                    -         -        -          -            - -",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        let first = |args: &[&str]| show(args, Format::Json).contains(r#""caller":"c""#);
        assert!(!first(&["-n", "1", "-S", "acq_count"]) && first(&["-n", "2"]));
        let json = show(&["-s", "2"], Format::Json);
        let wait = r#""caller":"a","tid":null,"comm":null,"avg_ns":2500000,"count":4,"max_ns":2500,"total_ns":10000000"#;
        assert!(json.contains(wait) && json.contains(r#""max_comm":"ip","stack":["a","b"]"#), "{json}");
    }

    #[test]
    fn a_thread_has_its_name() {
        let mut out = Out::memory(Format::Text);
        tool(&["-P"]).print(&mut out, false, &Place::Thread(9), &line(1, 5, 5, "")).expect("memory");
        assert!(out.take().starts_with("                   9               ip      5 ns        1 "));
    }

    #[test]
    fn the_longest_is_that_of_its_period_and_knows_whose_it_was() {
        let mut stat = klockstat_stat { max: [7, 9], period: [2, 1], ..Default::default() };
        (stat.most[0].tid, stat.most[1].tid) = (70, 90);
        assert_eq!([1, 2, 3].map(|period| most(&stat, period).1.tid), [90, 70, 0]);
    }

    #[test]
    fn the_caller_is_who_wanted_the_lock() {
        let names = |all: &[&str]| Some(all.iter().map(|name| Name::from(*name)).collect());
        let of = |all: &[&str]| tool(&[]).frames(names(all)).concat();
        assert_eq!(of(&["__mutex_lock.constprop.0", "mutex_lock", "chrdev_show", "seq_read"]), "chrdev_show");
        assert_eq!(of(&["rwsem_down_write_slowpath", "down_write", "unlink"]), "unlink");
        assert_eq!(of(&["ftrace_trampoline", "mutex_lock", "chrdev_show"]), "chrdev_show");
        assert_eq!(of(&["mutex_lock"]), "mutex_lock");
        assert_eq!(tool(&[]).frames(None).concat(), "[missed stack]");
        assert_eq!(lock_name(&line(0, 0, 0, "pools+0x18/0x40").most).as_deref(), Some("pools+0x18"));
    }

    #[test]
    fn fields_to_sort_by() {
        assert_eq!(sort("hld_total"), Ok(Sort(1, Field::Total)));
        assert!(sort("acq_min").is_err() && sort("max").is_err() && sort("xyz_max").is_err());
    }
}
