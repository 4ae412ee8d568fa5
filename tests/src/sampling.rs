//! Samples, in ways that no owner test comes to.
//!
//! Those after so many events only llcstat takes, and at events of hardware that guests do not have. So its programs are
//! put at page faults and context switches here, which every kernel counts and the workload can too. And those without
//! perf events are otherwise taken by a token alone, which old kernels do not have.

use std::process::Command;
use std::ptr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::events::{cbpf_hist, cbpf_owner, cbpf_scope, cbpf_tally, llcstat_key};
use cbpf_common::engine::{self, Loaded, Options, Plan, Rate, Sample};
use cbpf_common::proc;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};

use crate::case::{emulated, own_uid};
use crate::process::{self, own_exe};

const PAGES: usize = 20_000;
const PAGE: usize = 4096;
const SLEEPS: u64 = 500;
/// What a program may have besides, until it comes here and when it ends; it has been some hundred.
const OTHERS: u64 = 4000;

/// The workload.
pub fn fault_and_sleep() -> Result<()> {
    let (all, flags) = (PAGES * PAGE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new memory, as long as it says; it is the process's until that ends.
    unsafe {
        let memory = libc::mmap(ptr::null_mut(), all, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        ensure!(memory != libc::MAP_FAILED, "mmap");
        ensure!(libc::madvise(memory, all, libc::MADV_NOHUGEPAGE) == 0, "madvise");
        for page in 0..PAGES {
            memory.cast::<u8>().add(page * PAGE).write_volatile(1);
        }
        for _ in 0..SLEEPS {
            libc::usleep(1000);
        }
    }
    Ok(())
}

/// Loads a plan for what the workload's owner owns.
fn load(plan: &Plan) -> Result<Loaded> {
    let owner = cbpf_owner {
        scope: cbpf_scope::CBPF_USER.0,
        uid: own_uid(),
        gid: own_uid(),
        userns: proc::namespace("self", "user")? as u32,
        self_: std::process::id(),
        ..Default::default()
    };
    engine::load(plan, &owner, Options { buffer: 4096, token: None, memory: u64::MAX })
}

/// Runs the workload of that name twice, owned and not; the pid of the owned one.
fn work(name: &str) -> Result<u64> {
    let start = |uid| process::spawn(Command::new(own_exe()?).arg(name), Some(uid), 0);
    let (own, foreign) = (start(own_uid())?, start(own_uid() + 1)?);
    let pid = own.finish()?;
    foreign.finish()?;
    Ok(pid)
}

/// With every event a sample the counts are exact; with fewer samples they are about the same.
pub fn by_period() -> Result<()> {
    // Odd: the workload's two processes take turns, and an even one may meet the same one each time.
    for period in [1, 7] {
        sampled(period).with_context(|| format!("a sample after {period} events"))?;
    }
    Ok(())
}

fn sampled(period: u64) -> Result<()> {
    const SOFTWARE: u32 = libbpf_sys::PERF_TYPE_SOFTWARE;
    let event = |config: u32| Sample { kind: (SOFTWARE, config.into()), rate: Rate::Period(period) };
    let mut plan = Plan::new("llcstat")?;
    plan.sample("references", event(libbpf_sys::PERF_COUNT_SW_PAGE_FAULTS))
        .sample("misses", event(libbpf_sys::PERF_COUNT_SW_CONTEXT_SWITCHES));
    let mut loaded = load(&plan)?;
    let pid = work("fault-and-sleep")?;
    loaded.detach();

    let tallies: Vec<(llcstat_key, cbpf_tally)> = loaded.snapshot("tallies")?;
    ensure!(tallies.iter().all(|(key, _)| u64::from(key.pid) == pid), "not of {pid}: {tallies:?}");
    ensure!(tallies.iter().all(|(_, tally)| tally.total == tally.count * period), "{tallies:?}");
    let total = |miss| tallies.iter().filter(|(key, _)| key.miss == miss).map(|(_, tally)| tally.total).sum::<u64>();
    // The events of both processes on a CPU are counted together, and which of them meets the sample is chance.
    let slack = |n: u64| if period == 1 { 0 } else { n / 4 + 4 * period };
    for (what, total, least) in [("page faults", total(0), PAGES as u64), ("context switches", total(1), SLEEPS)] {
        let (low, high) = (least - slack(least).min(least), least + OTHERS + slack(least));
        ensure!((low..=high).contains(&total), "{total} {what}, not from {low} to {high}");
    }
    Ok(())
}

/// So many processes, one after the other, have a CPU for a time much shorter than that between two samples.
const SHORT: u32 = 400;
const RUN: Duration = Duration::from_millis(1);
const HERTZ: u64 = 250;

/// The workload: a process for each run, so that none of them comes to a whole period.
pub fn short_runs() -> Result<()> {
    for _ in 0..SHORT {
        // SAFETY: the child makes system calls only, and ends.
        match unsafe { libc::fork() } {
            -1 => Err(std::io::Error::last_os_error())?,
            0 => {
                let time = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(RUN, Duration::from);
                while time() < RUN {}
                // SAFETY: it does not return.
                unsafe { libc::_exit(0) }
            }
            // SAFETY: a child of ours, whose status nobody wants.
            pid => unsafe { libc::waitpid(pid, ptr::null_mut(), 0) },
        };
    }
    Ok(())
}

/// The CPU time of our children and of theirs that have ended.
fn time_of_children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: nix::sys::time::TimeVal| Duration::from_micros(time.num_microseconds() as u64);
    Ok(micros(usage.user_time()) + micros(usage.system_time()))
}

/// Without a perf event the tasks are sampled by the run time that is accounted for.
pub fn by_run_time() -> Result<()> {
    let mut plan = Plan::new("runqlen")?;
    plan.knob("sample_ns", 1_000_000_000 / HERTZ);
    let mut loaded = load(&plan)?;
    ensure!(loaded.set == 2, "set {}", loaded.set);
    let before = time_of_children()?;
    work("short-runs")?;
    let time = time_of_children()? - before;
    loaded.detach();
    let lengths: Vec<(u32, cbpf_hist)> = loaded.snapshot("lengths")?;
    let samples: u64 = lengths.iter().flat_map(|(_, hist)| hist.slots).sum();
    // The foreign process takes as long.
    let expected = time.as_secs_f64() / 2.0 * HERTZ as f64;
    let about = expected / 3.0 * f64::from(if emulated() { 2 } else { 1 });
    ensure!((samples as f64 - expected).abs() <= about, "{samples} samples, not about {expected:.0}");
    Ok(())
}
