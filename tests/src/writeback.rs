//! Buffered writes reach the disk from a kernel thread, long after. They are the cgroup's that dirtied the pages.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::sums_add_up_in;
use crate::process::{self, Running, cbpf, own_exe};

const ROOT: &str = "/sys/fs/cgroup";

/// What is written, KiB: by the owned process, and by the foreign one.
const OWN_KB: u64 = 3 << 10;
const FOREIGN_KB: u64 = 16 << 10;

/// Why pages are not charged to cgroups here, if so.
pub fn missing() -> Option<String> {
    let have = fs::read_to_string(format!("{ROOT}/cgroup.controllers")).unwrap_or_default();
    let lacks: Vec<&str> = ["io", "memory"].into_iter().filter(|c| have.split_whitespace().all(|h| h != *c)).collect();
    (!lacks.is_empty()).then(|| format!("cgroup v2 lacks the controllers {} here", lacks.join(" ")))
}

/// A cgroup that goes when this does.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Result<Self> {
        let path = Path::new(ROOT).join(format!("cbpf-{name}-{}", id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// A command of this binary that goes into it.
    fn command(&self, what: &str) -> Result<Command> {
        let mut command = Command::new(own_exe()?);
        command.arg(what).arg(&self.0);
        Ok(command)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Goes into a cgroup and becomes another program there.
pub fn exec(group: &str, program: &[&str]) -> Result<()> {
    fs::write(Path::new(group).join("cgroup.procs"), id().to_string())?;
    let (program, args) = program.split_first().context("no program")?;
    Err(Command::new(program).args(args).exec()).with_context(|| format!("cannot run {program}"))
}

/// Goes into a cgroup and writes a file, but not to the disk.
pub fn write(group: &str, file: &str, kilobytes: &str) -> Result<()> {
    fs::write(Path::new(group).join("cgroup.procs"), id().to_string())?;
    let mut file = File::create(file)?;
    for _ in 0..kilobytes.parse::<u64>()? {
        file.write_all(&[1; 1024])?;
    }
    Ok(())
}

/// Both write, and then somebody else asks for it to be on the disk.
pub fn test() -> Result<()> {
    let (own, foreign) = (Group::new("own")?, Group::new("foreign")?);
    let mut tool = own.command("exec-in")?;
    tool.arg(cbpf()?).args(["bitesize", "--json", "--grant", "strict", "--scope", "container"]);
    let running = Running::start(&mut tool)?.map_err(|(_, stderr)| anyhow::anyhow!(stderr))?;
    let file = |who: &str| format!("/var/tmp/cbpf-{who}-{}", id());
    for (group, who, kilobytes) in [(&own, "own", OWN_KB), (&foreign, "foreign", FOREIGN_KB)] {
        let mut command = group.command("write-in")?;
        process::spawn(command.args([file(who), kilobytes.to_string()]), None, 0)?.finish()?;
    }
    // The kernel's own threads write it: sync(2) asks them to, and waits.
    nix::unistd::sync();
    let (records, stderr) = running.stop()?;
    for who in ["own", "foreign"] {
        fs::remove_file(file(who))?;
    }
    let nobody: Vec<&Value> = records.iter().filter(|r| r["type"] == "histogram" && r["comm"].is_null()).collect();
    let written: u64 = nobody.iter().filter_map(|r| r["sum"].as_u64()).sum();
    // And what the file system writes about it.
    ensure!(
        (OWN_KB..OWN_KB + 1024).contains(&written),
        "{written} KiB of writeback, not {OWN_KB}: {records:?} {stderr}"
    );
    sums_add_up_in(records.iter().find(|r| r["type"] == "end").context("no end record")?)?;
    Ok(())
}
