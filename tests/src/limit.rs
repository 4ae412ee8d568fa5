//! A limit on memory, for cases whose event is that memory runs out: a cgroup, made below the suite's own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The cases that run under the limit, the tool and everybody's workload together.
pub const LIMITED: &[&str] = &["drsnoop", "oomkill"];

/// Enough for the tool and the suite, far less than what the workloads take.
pub const LIMIT: u64 = 64 << 20;

/// As long as this lives, this process and its later children may use so much memory.
pub struct Limit {
    cgroup: PathBuf,
    home: PathBuf,
}

impl Limit {
    /// Sets the limit.
    pub fn new() -> Result<Self> {
        let text = fs::read_to_string("/proc/self/cgroup")?;
        let of = |what: &str| {
            text.lines().find_map(|line| line.split_once(what).map(|(_, path)| path.trim_start_matches('/')))
        };
        let (home, file) = match of(":memory:") {
            Some(path) => (Path::new("/sys/fs/cgroup/memory").join(path), "memory.limit_in_bytes"),
            None => (Path::new("/sys/fs/cgroup").join(of("::").context("no cgroup")?), "memory.max"),
        };
        let cgroup = home.join(format!("cbpf-limit-{}", std::process::id()));
        fs::create_dir(&cgroup).with_context(|| cgroup.display().to_string())?;
        let limit = Self { cgroup, home };
        fs::write(limit.cgroup.join(file), LIMIT.to_string()).context(file)?;
        fs::write(limit.cgroup.join("cgroup.procs"), std::process::id().to_string())?;
        Ok(limit)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // A daemon lives on.
        let leave = || -> Result<()> {
            for pid in fs::read_to_string(self.cgroup.join("cgroup.procs"))?.lines() {
                fs::write(self.home.join("cgroup.procs"), pid)?;
            }
            Ok(fs::remove_dir(&self.cgroup)?)
        };
        if let Err(e) = leave() {
            eprintln!("cbpf-suite: {}: {e:#}", self.cgroup.display());
        }
    }
}
