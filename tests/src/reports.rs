//! Reports from time to time, and tools by another name.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{self, cbpf, own_exe};

/// An interval and a count are so many reports, each of its own time: together they hold what there was.
pub fn counted() -> Result<()> {
    let text = Command::new(cbpf()?).args(["runqlat", "-q", "-T", "0.1", "3"]).stdin(Stdio::null()).output()?;
    let is_time = |line: &&[u8]| line.len() == 8 && line[2] == b':' && line[5] == b':';
    let times = text.stdout.split(|b| *b == b'\n').filter(is_time).count();
    ensure!(text.status.success() && times == 3, "{times} reports, not 3: {text:?}");

    let suite = own_exe()?.display().to_string();
    let looped = format!("for i in 1 2 3 4 5; do {suite} loop 100; sleep 0.1; done; sleep 1");
    let records =
        records(Command::new(cbpf()?).args(["fsdist", "--json", "-q", "0.2", "4", "--", "/bin/sh", "-c", &looped]))?;
    let opens: Vec<u64> =
        records.iter().filter(|r| r["operation"] == "open").filter_map(|r| r["total"].as_u64()).collect();
    let all: u64 = records.iter().filter_map(|r| r["total"].as_u64()).sum();
    let end = records.last().context("no record")?;
    ensure!((2..=4).contains(&opens.len()) && opens.iter().sum::<u64>() >= 300, "opens of each report: {opens:?}");
    ensure!(end["matched"] == all && end["shown"] == all, "{all} in the reports: {end}");
    Ok(())
}

/// A link to cbpf by the name of a file system's tool shows that file system only.
pub fn by_link() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("cbpf-link-{}", std::process::id()));
    fs::create_dir(&dir)?;
    let link = dir.join("tmpfsdist");
    let result = symlink(cbpf()?, &link).map_err(Into::into).and_then(|()| {
        let file = format!("/dev/shm/cbpf-link-{}", std::process::id());
        let script = format!("for i in 1 2 3 4 5; do : > {file}; : < /proc/version; done; rm {file}");
        records(Command::new(&link).args(["--json", "-q", "--", "/bin/sh", "-c", &script]))
    });
    fs::remove_dir_all(&dir)?;
    let records = result?;
    ensure!(records[0]["tool"] == "tmpfsdist", "{}", records[0]);
    let opens = records.iter().find(|r| r["operation"] == "open").context("no opens")?;
    ensure!(opens["total"] == 5, "{opens}");
    Ok(())
}

fn records(command: &mut Command) -> Result<Vec<Value>> {
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{output:?}");
    let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    process::parse(&lines.map(<[u8]>::to_vec).collect::<Vec<_>>())
}
