//! Lines typed into a shell: the workload becomes one, with all of its input waiting for it.
//!
//! In scope `container` the owned processes are other users' than the viewer, whose lines nobody is shown.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::case::{CAP_SYS_ADMIN, Case, Report, Work};

pub const CASE: Case =
    Case { tool: "bashreadline", args: &[], count: 40, work, check, extra_caps: &[CAP_SYS_ADMIN] };

fn work(w: &Work) -> Result<()> {
    let (input, mut typed) = std::io::pipe()?;
    for n in 0..w.count {
        writeln!(typed, ": {}-{n}", w.who)?;
    }
    writeln!(typed, "exit 0")?;
    drop(typed);
    let null = OpenOptions::new().write(true).open("/dev/null")?;
    let mut bash = Command::new("/bin/bash");
    bash.args(["--norc", "--noprofile", "-i"]).env_clear().env("HISTFILE", "").env("INPUTRC", "/dev/null");
    Err(bash.stdin(input).stdout(null).stderr(Stdio::null()).exec().into())
}

fn check(report: &Report) -> Result<()> {
    let rows: Vec<_> = report.owned_of("event").collect();
    let shown = if report.of("start").any(|start| start["scope"] == "user") { report.owned.len() } else { 0 };
    for n in 0..report.count {
        let line = format!(": own-{n}");
        let seen = rows.iter().filter(|r| r["command"] == *line && r["comm"] == "bash").count();
        ensure!(seen == shown, "{line} was seen {seen} times");
    }
    ensure!(rows.len() == shown * (report.count as usize + 1), "{} rows", rows.len());
    Ok(())
}
