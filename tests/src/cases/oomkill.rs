//! Children that want more memory than the suite and its children may have, see limit.rs, and whom the kernel kills for it
//! before anybody else. Who asks for the page that is too much may be the foreign process's child: it has no name then. The
//! last child of each is alone.

use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;
use std::os::fd::IntoRawFd as _;
use std::{fs, hint};

use anyhow::{Context as _, Result, ensure};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, pipe};

use crate::case::{Case, Report, Work};
use crate::limit::LIMIT;
use crate::process::own_exe;

pub const CASE: Case = Case { tool: "oomkill", args: &[], count: 3, work, check, extra_caps: &[] };

/// What a child does. It has but one thread, as its parent had.
fn take_all(mut tell: fs::File) -> Result<()> {
    fs::write("/proc/self/oom_score_adj", "1000")?;
    // As the viewer numbers it.
    tell.write_all(fs::read_link("/proc/self")?.as_os_str().as_encoded_bytes())?;
    drop(tell);
    let mut memory = Vec::new();
    for _ in 0..4 * LIMIT / 4096 {
        memory.push(hint::black_box(vec![1u8; 4096]));
    }
    Ok(())
}

fn work(w: &Work) -> Result<()> {
    let mut victims = Vec::new();
    for n in 1..=w.count {
        // A file that both the owned and the foreign process can open.
        let how = if n == w.count { FlockArg::LockExclusive } else { FlockArg::LockShared };
        let _lock = Flock::lock(fs::File::open(own_exe()?)?, how).map_err(|(_, e)| e)?;
        let (read, write) = pipe()?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                // SAFETY: the descriptor is this process's own.
                let done = take_all(unsafe { fs::File::from_raw_fd(write.into_raw_fd()) });
                eprintln!("a child lives on: {done:?}");
                std::process::exit(1);
            }
            ForkResult::Parent { child } => {
                drop(write);
                let mut pid = String::new();
                fs::File::from(read).read_to_string(&mut pid)?;
                victims.push(pid);
                let status = waitpid(child, None)?;
                ensure!(matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _)), "{status:?}");
            }
        }
    }
    w.note(victims.join(" "))
}

fn check(report: &Report) -> Result<()> {
    let mut victims = Vec::new();
    for pid in &report.owned {
        victims.extend(report.note(*pid)?.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?);
    }
    let rows: Vec<_> = report.of("event").collect();
    ensure!(rows.len() == victims.len(), "{} rows of {} victims", rows.len(), victims.len());
    for victim in victims {
        let row = rows.iter().find(|r| r["pid"] == victim).with_context(|| format!("{victim} is not told"))?;
        ensure!(row["comm"] == "wk-own" && row["pages"].as_u64() <= Some(LIMIT / 4096 + 1024), "{row}");
        ensure!(row["trigger_pid"].is_null() == row["trigger_comm"].is_null(), "{row}");
    }
    ensure!(rows.iter().any(|r| !r["trigger_pid"].is_null()), "nobody asked for memory");
    Ok(())
}
