//! `cbpfd`: what of cbpf has privileges.

mod delegate;
mod elf;
mod kernel;
mod peer;
mod policy;
mod sandbox;
mod serve;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

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
          delegates what the tools (all of them, if not told) need, and no more, at PATH (/sys/fs/bpf) in the container
          of the process PID. As an OCI hook (poststart, createRuntime) it reads the container's state from stdin.
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("cbpfd: {e:#}");
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

fn run(words: &[&str]) -> Result<()> {
    match words {
        ["delegate", rest @ ..] => delegate::run(rest),
        ["serve", rest @ ..] => serve::run(rest),
        ["check", rest @ ..] => check(rest),
        ["--help" | "-h" | "help"] => {
            print!("{USAGE}");
            Ok(())
        }
        ["--version" | "-V"] => {
            println!("cbpfd {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        [] => bail!(Usage("what shall it do?".into())),
        [word, ..] => bail!(Usage(format!("what is {word}?"))),
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
                pid = Some(value.ok_or_else(|| Usage("--pid wants a number".into()))?);
            }
            (word, None) if !word.starts_with('-') => file = Some(word),
            (word, _) => bail!(Usage(format!("what is {word}?"))),
        }
    }
    let policy = match file {
        Some(file) => Policy::file(Path::new(file))?,
        None => Policy::read(Path::new(policy::DIR))?,
    };
    let Some(pid) = pid else {
        print!("{}", policy.explain());
        return Ok(());
    };
    let who = Peer::process(pid)?.identify()?;
    println!("process {pid}: uid {}, pid namespace at level {}, cgroup {}", who.uid, who.level, who.cgroup);
    match policy.rule(&who) {
        None => println!("no rule fits: it gets nothing"),
        Some(rule) => println!("{}\n  so scope: {} at most", rule.explain(), rule.widest(&who).name()),
    }
    Ok(())
}
