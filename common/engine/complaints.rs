//! libbpf's messages: they name a cause better than the errno that it returns.

use std::sync::Mutex;

use libbpf_rs::PrintLevel;

use crate::say::say;

/// What it complained about last.
static COMPLAINTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn keep(level: PrintLevel, message: String) {
    if let (PrintLevel::Warn, Ok(mut kept)) = (level, COMPLAINTS.lock()) {
        kept.push(message);
    }
}

/// For what libbpf calls that fails for a reason which libbpf does not know.
pub(crate) fn complain(what: String) {
    keep(PrintLevel::Warn, what);
}

fn print(level: PrintLevel, message: String) {
    say(message.trim_end());
    keep(level, message);
}

/// Routes libbpf's messages: kept for reasons, and with `verbose` printed to stderr.
pub fn listen(verbose: bool) {
    libbpf_rs::set_print(Some(if verbose { (PrintLevel::Debug, print) } else { (PrintLevel::Warn, keep) }));
}

/// Forgets what it has complained about until now.
pub(super) fn forget() {
    COMPLAINTS.lock().map(|mut kept| kept.clear()).ok();
}

/// The line of libbpf's complaints that says most: the verifier's last word, or else the first complaint.
pub(super) fn complaint() -> Option<String> {
    let kept = std::mem::take(&mut *COMPLAINTS.lock().ok()?);
    let lines: Vec<&str> = kept.iter().flat_map(|m| m.lines()).collect();
    let verdict =
        lines.iter().position(|line| line.starts_with("processed ")).and_then(|at| lines.get(at.wrapping_sub(1)));
    // The memlock hint is libbpf's guess at every EPERM, and wrong since 5.11.
    let first = || lines.iter().find(|line| !line.contains("memlock") && !line.contains("PROG LOAD LOG"));
    let line = verdict.or_else(first)?;
    Some(line.trim_start_matches("libbpf: ").trim().to_owned())
}
