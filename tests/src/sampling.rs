//! Samples after so many events, which only llcstat takes, and at events of hardware that guests do not have. So its
//! programs are put at page faults and context switches here, which every kernel counts and the workload can too.

use std::process::Command;
use std::ptr;

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::events::{cbpf_owner, cbpf_scope, cbpf_tally, llcstat_key};
use cbpf_common::engine::{self, Options, Plan, Rate, Sample};

use crate::case::own_uid;
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

/// With every event a sample the counts are exact; with fewer samples they are about the same.
pub fn test() -> Result<()> {
    for period in [1, 50] {
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
    let owner =
        cbpf_owner { scope: cbpf_scope::CBPF_USER.0, uid: own_uid(), self_: std::process::id(), ..Default::default() };
    let options = Options { buffer: 4096, token: None, memory: u64::MAX };
    let mut loaded = engine::load(&plan, &owner, options)?;
    let start = |uid| process::spawn(Command::new(own_exe()?).args(["fault-and-sleep"]), Some(uid), 0);
    let (own, foreign) = (start(own_uid())?, start(own_uid() + 1)?);
    let pids = [own.finish()?, foreign.finish()?];
    loaded.detach();

    let tallies: Vec<(llcstat_key, cbpf_tally)> = loaded.snapshot("tallies")?;
    ensure!(tallies.iter().all(|(key, _)| u64::from(key.pid) == pids[0]), "not of {}: {tallies:?}", pids[0]);
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
