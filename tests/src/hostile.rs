//! Names that try to forge rows or to colour terminals, and names that are too long to be whole.

use std::ffi::CString;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{self, Running, cbpf};

/// A process name that would forge a row.
const COMM: &[u8] = b"a\n1 root \x1b[31m\xff";

/// What is opened: newline and ESC, invalid UTF-8, a backslash, the longest path there is, and one that is too long.
fn names() -> Vec<Vec<u8>> {
    let long = |n: usize| [b"/tmp/".as_slice(), &b"x/".repeat(n)].concat()[..n].to_vec();
    vec![
        b"/tmp/x\n1 systemd 3 0 injected".to_vec(),
        b"/tmp/\x1b[2J\x1b]0;title\x07".to_vec(),
        b"/tmp/\xff\xfe\xc3\x28".to_vec(),
        b"/tmp/\\e\\...".to_vec(),
        b"/tmp/\xe2\x80\xae/right-to-left".to_vec(),
        long(4095),
        long(5000),
    ]
}

/// The workload: opens them all, as a process with a hostile name.
pub fn open_names() -> Result<()> {
    let comm = CString::new(COMM)?;
    // SAFETY: a C string; the kernel copies at most 16 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, comm.as_ptr()) };
    for name in names() {
        let name = CString::new(name)?;
        // SAFETY: a C string. It fails, and that is what is wanted.
        unsafe { libc::open(name.as_ptr(), libc::O_RDONLY) };
    }
    Ok(())
}

fn trace(args: &[&str]) -> Result<(Vec<Vec<u8>>, u64)> {
    let mut tool = Command::new(cbpf()?);
    tool.arg("opensnoop").args(args);
    let running = Running::start(&mut tool)?.map_err(|(_, stderr)| anyhow::anyhow!(stderr))?;
    let mut command = Command::new(process::own_exe()?);
    command.arg("hostile");
    let pid = process::spawn(&mut command, None, 0)?.finish()?;
    Ok((running.stop_raw()?.0, pid))
}

/// Text: one clean line for each open, and cut names marked.
pub fn text() -> Result<()> {
    let (lines, pid) = trace(&[])?;
    let mut rows = Vec::new();
    for line in &lines {
        ensure!(line.iter().all(|b| *b >= b' ' && *b != 0x7f), "a control byte in {:?}", String::from_utf8_lossy(line));
        let text = std::str::from_utf8(line).context("not UTF-8")?;
        ensure!(!text.contains('\u{202e}'), "a bidirectional override in {text}");
        ensure!(!text.trim_start().starts_with("1 "), "a forged row: {text}");
        if text.split_whitespace().next() == Some(&pid.to_string()) && text.contains(r"a\n1 root \e[31m") {
            rows.push(text.to_owned());
        }
    }
    ensure!(rows.len() == names().len(), "{} rows for {} opens: {rows:?}", rows.len(), names().len());
    let cut = |i: usize| rows[i].ends_with(r"\...");
    ensure!(rows[0].ends_with(r"/tmp/x\n1 systemd 3 0 injected"), "{}", rows[0]);
    ensure!(rows[3].ends_with(r"/tmp/\\e\\..."), "a backslash is not doubled: {}", rows[3]);
    ensure!(!cut(5), "a whole name of 4095 bytes is marked as cut");
    ensure!(cut(6), "a name of 5000 bytes is passed off as whole");
    Ok(())
}

/// JSON: every byte comes back.
pub fn json() -> Result<()> {
    let (lines, pid) = trace(&["--json"])?;
    let records: Vec<Value> = lines.iter().map(|l| serde_json::from_slice(l)).collect::<Result<_, _>>()?;
    let rows: Vec<&Value> = records
        .iter()
        .filter(|r| r["pid"] == pid && bytes(r, "comm").is_some_and(|c| c.starts_with(b"a\n1 root")))
        .collect();
    ensure!(rows.len() == names().len(), "{} records for {} opens", rows.len(), names().len());
    for (row, name) in rows.iter().zip(names()) {
        let seen = bytes(row, "path").context("no path")?;
        if name.len() < 4096 {
            ensure!(seen == name, "{row} is not {:?}", String::from_utf8_lossy(&name));
            ensure!(row["path_cut"].is_null(), "{row} is whole");
        } else {
            ensure!(seen == name[..seen.len()] && row["path_cut"] == true, "a cut path is not marked");
        }
    }
    Ok(())
}

/// A string of a record as it was: its hexadecimal twin holds what UTF-8 cannot.
fn bytes(record: &Value, key: &str) -> Option<Vec<u8>> {
    match record[format!("{key}_hex")].as_str() {
        Some(hex) => (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok()).collect(),
        None => Some(record[key].as_str()?.as_bytes().to_vec()),
    }
}
