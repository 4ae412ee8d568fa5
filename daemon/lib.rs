//! `cbpfd`: what of cbpf has privileges.

mod accounts;
mod delegate;
mod kernel;
mod peer;
mod policy;
mod sandbox;
mod serve;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, bail};
use cbpf_common::say::{print, say};

pub use delegate::delegate;
use peer::Peer;
use policy::Policy;

const USAGE: &str = "\
Usage: cbpfd serve [--socket PATH] [--policy DIR]
       cbpfd check [FILE] [--pid PID]
       cbpfd delegate --pid PID [--tools TOOL,…|--all] [--at PATH]
       cbpfd delegate --oci-hook [--tools TOOL,…|--all] [--at PATH]
       cbpfd delegate --list
       cbpfd delegate --revoke --pid PID [--at PATH]

serve     trace for those who may not: cbpf asks at the socket (/run/cbpf/cbpf.sock, or what systemd passes).
check     say what a policy (FILE, or what is in /etc/cbpf) means, and what the process PID would get.
delegate  let the root of a container with a user namespace of its own run cbpf by BPF token: mounts a bpffs that
          delegates what the tools (default: all) need, and no more, at PATH (/sys/fs/bpf) in the container
          of the process PID. As an OCI hook (poststart, createRuntime) it reads the container's state from stdin.
";

/// The command line.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            say(format_args!("cbpfd: {e:#}"));
            ExitCode::from(if e.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// A command line that makes no sense.
#[derive(Debug)]
pub struct Usage(pub String);
impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{USAGE}", self.0)
    }
}
impl std::error::Error for Usage {}

/// A thread that panicked had no invariant broken: what stands behind these is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(words: &[&str]) -> Result<()> {
    match words {
        ["delegate", rest @ ..] => delegate::run(rest),
        ["serve", rest @ ..] => serve::run(rest),
        ["check", rest @ ..] => check(rest),
        ["--help" | "-h" | "help"] => Ok(print(USAGE)?),
        ["--version" | "-V"] => Ok(print(concat!("cbpfd ", env!("CARGO_PKG_VERSION"), "\n"))?),
        [] => bail!(Usage("no command given".into())),
        [word, ..] => bail!(Usage(format!("unexpected argument {word}"))),
    }
}

/// Explains a policy, and what a process would get from it.
fn check(words: &[&str]) -> Result<()> {
    let (mut file, mut pid) = (None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match (*word, file) {
            ("--pid", _) => {
                let value = words.next().and_then(|value| value.parse().ok());
                pid = Some(value.ok_or_else(|| Usage("--pid needs a number".into()))?);
            }
            (word, None) if !word.starts_with('-') => file = Some(word),
            (word, _) => bail!(Usage(format!("unexpected argument {word}"))),
        }
    }
    let policy = match file {
        Some(file) => Policy::file(Path::new(file))?,
        None => Policy::read(Path::new(policy::DIR))?,
    };
    let Some(pid) = pid else {
        return Ok(print(&policy.explain())?);
    };
    let who = Peer::process(pid)?.identify()?;
    let given = match policy.rule(&who) {
        None => "no rule fits: it gets nothing".into(),
        Some(rule) => format!("{}\n  so scope: {} at most", rule.explain(), rule.widest(&who).name()),
    };
    let (uid, level, cgroup) = (who.uid, who.level, &who.cgroup);
    Ok(print(&format!("process {pid}: uid {uid}, pid namespace at level {level}, cgroup {cgroup}\n{given}\n"))?)
}

/// Reads bytes as a policy and a cgroup's path after a NUL, and applies the one to the other. For fuzzers: whatever comes,
/// it returns, and soon.
pub fn try_policy(bytes: &[u8]) {
    policy::try_bytes(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// All that runs with privileges: to grow only on purpose.
    #[test]
    fn the_dependencies_are_those_that_were_agreed_on() {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "-p", "cbpfd", "-e", "normal", "--prefix", "none", "--offline", "-f", "{p}"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let text = String::from_utf8(tree.stdout).unwrap();
        let mut names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        names.sort_unstable();
        names.dedup();
        let agreed: Vec<&str> = include_str!("dependencies.txt").lines().collect();
        assert_eq!(names, agreed, "daemon/dependencies.txt lists what cbpfd links");
    }

    #[test]
    fn the_policy_that_is_installed_is_the_built_in_one() {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/policy.toml");
        let installed = Policy::file(&installed).unwrap().explain();
        let built_in = Policy::read(Path::new("/nowhere")).unwrap().explain();
        let rules = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rules(&installed), rules(&built_in));
        assert!(built_in.contains("everybody"));
    }
}
