//! Calls that nothing else makes: getppid, and a getpgid that fails.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::{Case, Report, Work};

pub const CASE: Case =
    Case { tool: "syscount", args: &["-L", "-P", "-S"], count: 1000, work, check, extra_caps: &[] };

/// How many of the calls of each round fail.
const FAILING: u64 = 3;

fn work(w: &Work) -> Result<()> {
    for _ in 0..w.count {
        // SAFETY: no arguments, or a number.
        unsafe {
            libc::syscall(libc::SYS_getppid);
            for _ in 0..FAILING {
                libc::syscall(libc::SYS_getpgid, -1);
            }
        }
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    for pid in &report.owned {
        let find = |name: &str| -> Result<&Value> {
            let mut rows = report.owned_of("count").filter(|r| r["pid"] == *pid && r["syscall"] == name);
            let row = rows.next().with_context(|| format!("no {name} of {pid}"))?;
            ensure!(rows.next().is_none(), "more than one {name} of {pid}");
            ensure!(row["comm"] == "wk-own" && row["abi"] == "x86_64", "{row}");
            Ok(row)
        };
        let row = find("getppid")?;
        ensure!(row["count"] == report.count && row["nr"] == libc::SYS_getppid, "{row}");
        let time = row["time_us"].as_f64().context("no time")?;
        ensure!(time > 0.0 && time < report.seconds * 1e6, "{time} us in {} s", report.seconds);
        ensure!(find("getpgid")?["count"] == report.count * FAILING, "{}", find("getpgid")?);
    }
    // Every row is owned, and together they are all that the tool matched.
    let counted: u64 = report.of("count").filter_map(|r| r["count"].as_u64()).sum();
    let shown = report.of("end").next().and_then(|r| r["shown"].as_u64());
    ensure!(shown == Some(counted), "the rows have {counted} calls, the end has {shown:?}");
    ensure!(counted >= report.expected() * (1 + FAILING));
    Ok(())
}
