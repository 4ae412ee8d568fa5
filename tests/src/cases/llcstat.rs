//! Walks through more memory than a cache has, where the hardware counts what that costs. The same programs at events of
//! any machine: tests/src/sampling.rs.

use std::time::Duration;

use anyhow::{Result, ensure};
use nix::time::{ClockId, clock_gettime};

use crate::case::{CAP_SYS_ADMIN, Case, Report, Work};

/// The count is the CPU time, ms.
pub const CASE: Case = Case {
    tool: "llcstat",
    args: &["-c", "10000", "-d", "600"],
    count: 500,
    work,
    check,
    extra_caps: &[CAP_SYS_ADMIN],
};

const LINE: usize = 64;
const MEMORY: usize = 256 << 20;

fn work(w: &Work) -> Result<()> {
    let enough = Duration::from_millis(w.count);
    let mut memory = vec![1u8; MEMORY];
    let mut at = 0;
    while Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?) < enough {
        for _ in 0..10_000 {
            // Far enough that nothing fetches it ahead.
            at = (at + 4097 * LINE) % MEMORY;
            memory[at] = memory[at].wrapping_add(1);
        }
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let sum = |key: &str| -> u64 {
            report.owned_of("count").filter(|r| r["pid"] == *pid).filter_map(|r| r[key].as_u64()).sum()
        };
        let (references, misses) = (sum("references"), sum("misses"));
        ensure!(references > 100_000 && misses > 10_000, "{pid}: {references} references, {misses} misses");
        ensure!(misses <= references * 3 / 2, "{pid}: {misses} misses of {references} references");
    }
    Ok(())
}
