//! Lookups of names that are no addresses, by a caller that wants addresses only: they fail without asking anybody.

use std::ffi::CString;

use anyhow::{Result, ensure};

use crate::case::{CAP_SYS_ADMIN, Case, Report, Work};

pub const CASE: Case =
    Case { tool: "gethostlatency", args: &[], count: 50, work, check, extra_caps: &[CAP_SYS_ADMIN] };

unsafe extern "C" {
    fn gethostbyname(name: *const libc::c_char) -> *mut libc::c_void;
}

fn name(who: &str, n: u64) -> String {
    format!("{who}-{n}{}", ".x".repeat(if n == 0 { 50 } else { 10 }))
}

fn work(w: &Work) -> Result<()> {
    // SAFETY: all zeroes is a value of it.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = libc::AI_NUMERICHOST;
    for n in 0..w.count {
        let host = CString::new(name(&w.who, n))?;
        let mut found = std::ptr::null_mut();
        // SAFETY: a C string, hints, and a place for the result, which is not made on failure.
        let failed = unsafe { libc::getaddrinfo(host.as_ptr(), std::ptr::null(), &hints, &mut found) };
        ensure!(failed == libc::EAI_NONAME, "getaddrinfo: {failed}");
        let address = CString::new(format!("127.0.0.{n}"))?;
        // SAFETY: a C string; the result is looked at only for being there.
        ensure!(!unsafe { gethostbyname(address.as_ptr()) }.is_null());
    }
    Ok(())
}

fn check(report: &Report) -> Result<()> {
    let rows: Vec<_> = report.owned_of("event").collect();
    ensure!(rows.len() as u64 == 2 * report.expected(), "{} rows", rows.len());
    for n in 0..report.count {
        let whole = name("own", n);
        let cut = whole.len() > 79;
        for host in [&whole[..whole.len().min(79)], &format!("127.0.0.{n}")] {
            let seen: Vec<_> = rows.iter().filter(|r| r["host"] == *host).collect();
            ensure!(seen.len() == report.owned.len(), "{host} was seen {} times", seen.len());
            let marked = cut && host.starts_with("own");
            ensure!(seen.iter().all(|r| (r["host_cut"] == true) == marked && r["comm"] == "wk-own"), "{seen:?}");
        }
    }
    let bound = report.seconds * 1e3;
    ensure!(rows.iter().all(|r| r["lat_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < bound)), "{rows:?}");
    Ok(())
}
