//! offcputime: how long threads were off the CPU, by stack.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use anyhow::Result;
use cbpf_bpf::events::{cbpf_comm, cbpf_tally, offcputime_key, offcputime_start};
use cbpf_common::delta::Cumulative as _;
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Pace, Shared};
use cbpf_common::out::{Label, Out, Stack, StackStyle, until_nul};
use cbpf_common::owner::Scope;
use cbpf_common::say::say;
use cbpf_common::session::Session;
use cbpf_common::symbols::{Name, UNKNOWN};

use crate::cli::run::{Context, Usage};
use crate::cli::tool;

#[derive(clap::Args)]
pub struct Tool {
    /// Only threads of processes, no kernel threads
    #[arg(short, long, conflicts_with = "kernel_threads_only")]
    user_threads_only: bool,
    /// Only kernel threads
    #[arg(short, long)]
    kernel_threads_only: bool,
    /// Only times of at least this many microseconds
    #[arg(short, long, value_name = "US", default_value_t = 1)]
    min_block_time: u64,
    /// Only times of at most this many microseconds
    #[arg(short = 'M', long, value_name = "US", default_value_t = u64::MAX, hide_default_value = true)]
    max_block_time: u64,
    /// Only threads that left the CPU in one of these states, added up: 1 interruptible sleep, 2 uninterruptible sleep,
    /// 4 stopped; 0 for those that were still runnable
    #[arg(long, value_name = "STATES")]
    state: Option<u32>,
    /// One line per stack, outermost frame first, as flame graph programs read it
    #[arg(short, long)]
    folded: bool,
    /// At most this many frames per stack
    #[arg(long, value_name = "FRAMES", default_value_t = 127, value_parser = clap::value_parser!(u32).range(1..=127))]
    perf_max_stack_depth: u32,
    /// Room for this many different stacks, of the kernel and of processes
    #[arg(long, value_name = "STACKS", default_value_t = 16384, value_parser = clap::value_parser!(u32).range(1..=1 << 18))]
    stack_storage_size: u32,
    /// Report after this many seconds instead of at the end
    #[arg(value_name = "DURATION", value_parser = options::seconds)]
    stop_after: Option<Duration>,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "offcputime";
    const ABOUT: &'static str = "Summarize how long threads were off the CPU, by stack, the longest last";
    const NOTES: &'static str = "The time ends when the thread has a CPU again, so it includes the wait for one.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf offcputime 5", "where your threads wait, for 5 seconds"),
        ("cbpf offcputime -p 185 -m 1000", "one process, times of a millisecond or more"),
        ("cbpf offcputime --state 2 -- make", "what `make` waits for on disks"),
        ("cbpf offcputime -f 30 > off.folded", "for a flame graph"),
    ];

    fn plan(&self, shared: &Shared, plan: &mut Plan) -> Result<()> {
        if self.kernel_threads_only && shared.scope != Some(Scope::Host) {
            let why = "-k: threads of the kernel belong to no user; root of the host sees them with --scope host";
            return Err(Usage(why.into()).into());
        }
        if self.min_block_time > self.max_block_time {
            return Err(Usage("-m is more than -M: no time is in between".into()).into());
        }
        plan.knob("user_threads_only", self.user_threads_only)
            .knob("kernel_threads_only", self.kernel_threads_only)
            .knob("min_us", self.min_block_time)
            .knob("max_us", self.max_block_time)
            .knob("has_state", self.state.is_some())
            .knob("state", self.state.unwrap_or(0))
            .knob("comm_of", cbpf_comm::CBPF_THREAD_COMM.0)
            .entries("stacks", self.stack_storage_size)
            .depth("stacks", self.perf_max_stack_depth);
        Ok(())
    }
}

/// Names of user stacks by process and id. They are looked up while the processes live.
type Names = HashMap<(u32, i32), Vec<Name>>;

impl tool::Report for Tool {
    type State = Names;
    const TICK: Option<Duration> = Some(Duration::from_millis(100));

    fn pace(&self) -> Pace {
        (self.stop_after, self.stop_after.map(|_| 1))
    }

    fn tick(&self, context: &Context, session: &Session, names: &mut Names) -> Result<()> {
        // A task that waits now may end as soon as it is woken.
        let waiting = session.snapshot::<u32, offcputime_start>("since")?;
        let pids: BTreeSet<u32> = waiting.iter().map(|(_, start)| start.pid).collect();
        pids.into_iter().for_each(|pid| context.symbols.visit(pid));
        // Names can wait for the report, except those of programs that exec replaces; they must not hold up the visits.
        let until = Instant::now() + Duration::from_millis(20);
        for (key, _) in session.snapshot::<offcputime_key, cbpf_tally>("totals")? {
            if Instant::now() < until {
                name(context, session, &key, names)?;
            }
        }
        Ok(())
    }

    fn report(&self, context: &Context, session: &Session, names: &mut Names, out: &mut Out) -> Result<u64> {
        if self.folded {
            out.set_stack_style(StackStyle::Folded);
        }
        let mut totals: Vec<(offcputime_key, cbpf_tally)> = session.snapshot("totals")?;
        totals.sort_by_key(|(_, tally)| tally.total);
        let mut lost = 0;
        for (key, tally) in &totals {
            name(context, session, key, names)?;
            let user = names.get(&(key.pid, key.user_stack)).map(Vec::as_slice);
            let kernel = match u32::try_from(key.kernel_stack) {
                Ok(id) => session.kernel_stack("stacks", id, &context.symbols)?,
                Err(_) => frames(session, key.kernel_stack)?.map(|_| Vec::new()),
            };
            lost += u64::from(user.is_none()) + u64::from(kernel.is_none());
            print(key, tally, user, kernel.as_deref(), out)?;
        }
        if lost > 0 && !context.shared.quiet {
            say(format_args!("cbpf: stacks lost: {lost}, their times were not; --stack-storage-size makes more room"));
        }
        Ok(totals.iter().map(|(_, tally)| tally.count()).sum())
    }
}

/// The addresses of a stack; `None`: it was lost.
fn frames(session: &Session, id: i32) -> Result<Option<Vec<u64>>> {
    match u32::try_from(id) {
        Ok(id) => Ok(Some(session.stack("stacks", id)?).filter(|frames| !frames.is_empty())),
        // EFAULT: there is none, such as that of a kernel thread in user space.
        Err(_) => Ok((id == -libc::EFAULT).then(Vec::new)),
    }
}

/// Looks up the names of a user stack, unless they are known.
fn name(context: &Context, session: &Session, key: &offcputime_key, names: &mut Names) -> Result<()> {
    if names.contains_key(&(key.pid, key.user_stack)) {
        return Ok(());
    }
    if let Some(frames) = frames(session, key.user_stack)? {
        let unknown = || frames.iter().map(|_| UNKNOWN.into()).collect();
        let found = context.symbols.stack(key.pid, &frames).unwrap_or_else(unknown);
        names.insert((key.pid, key.user_stack), found);
    }
    Ok(())
}

fn print(
    key: &offcputime_key,
    tally: &cbpf_tally,
    user: Option<&[Name]>,
    kernel: Option<&[Name]>,
    out: &mut Out,
) -> std::io::Result<()> {
    let (user, kernel) = (user.map(texts), kernel.map(texts));
    let comm = until_nul(&tally.comm);
    let tail = [b"-                ", comm, format!(" ({})", key.tid).as_bytes()].concat();
    out.stack(&Stack {
        kernel: kernel.as_deref(),
        user: user.as_deref(),
        comm: Some(comm),
        pid: Some(key.pid),
        value: tally.total,
        unit: "us",
        tail: &tail,
        labels: &[("tid", Label::U64(key.tid.into())), ("count", Label::U64(tally.count))],
        ..Default::default()
    })
}

fn texts(names: &[Name]) -> Vec<&str> {
    names.iter().map(|name| &**name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_common::out::Format;

    #[test]
    fn a_stack_names_its_thread_and_a_lost_one_keeps_its_time() {
        let mut tally = cbpf_tally { count: 2, total: 1500, ..Default::default() };
        tally.comm[..2].copy_from_slice(b"sh");
        let key = offcputime_key { pid: 7, tid: 8, user_stack: 1, kernel_stack: -17 };
        let show = |format| {
            let mut out = Out::memory(format);
            print(&key, &tally, Some(&["read".into(), "main".into()]), None, &mut out).expect("memory");
            out.take()
        };
        let text = show(Format::Text);
        let expected = "    [Missed Kernel Stack]\n    read\n    main\n    -                sh (8)\n        1500\n\n";
        assert_eq!(text, expected);
        let json = show(Format::Json);
        assert!(json.contains(r#""kernel":null,"user":["read","main"],"comm":"sh","pid":7,"value":1500"#), "{json}");
        assert!(json.contains(r#""tid":8,"count":2"#), "{json}");
    }
}
