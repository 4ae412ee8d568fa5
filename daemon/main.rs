//! `cbpfd`: what of cbpf has privileges.

mod delegate;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cbpfd delegate --pid PID [--tools TOOL,…|--all] [--at PATH]
       cbpfd delegate --oci-hook [--tools TOOL,…|--all] [--at PATH]
       cbpfd delegate --list
       cbpfd delegate --revoke --pid PID [--at PATH]

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
