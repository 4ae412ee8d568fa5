//! How cbpf gets to run a BPF program, and what it may then see.

use std::fmt;
use std::fs;

use anyhow::{Context as _, Result};
use cbpf_bpf::events::cbpf_owner;

use crate::owner::{Narrow, Scope, Viewer};

/// A permission to trace: who loads, what is owned.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Name, as in `--grant`.
    pub name: &'static str,
    /// The scope that was granted.
    pub scope: Scope,
    /// The record for the filter.
    pub owner: cbpf_owner,
    /// Who looks.
    pub viewer: Viewer,
}

/// No grant: for each kind the link that is missing and what mends it.
#[derive(Debug)]
pub struct NoGrant(pub Vec<Missing>);

/// Why one kind of grant is not to be had.
#[derive(Debug)]
pub struct Missing {
    /// The grant's name.
    pub grant: &'static str,
    /// What is missing.
    pub why: String,
    /// What mends it.
    pub mend: String,
}

impl fmt::Display for NoGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no permission to trace")?;
        for missing in &self.0 {
            write!(f, "\n  {}: {}\n    mend: {}", missing.grant, missing.why, missing.mend)?;
        }
        Ok(())
    }
}
impl std::error::Error for NoGrant {}

/// A scope that this user cannot have; the text says why and what to use.
#[derive(Debug)]
pub struct ScopeRefused(pub String);
impl fmt::Display for ScopeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for ScopeRefused {}

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// The effective capabilities of this process, a bit for each.
fn capabilities() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let caps =
        status.lines().find_map(|line| line.strip_prefix("CapEff:")).context("/proc/self/status has no CapEff")?;
    u64::from_str_radix(caps.trim(), 16).context("/proc/self/status: CapEff")
}

/// Finds a grant and the ownership record for `scope`, or for the widest default that the grant has.
///
/// # Errors
/// [`NoGrant`] when nothing allows tracing, [`ScopeRefused`] when the scope asked for is not this user's.
pub fn negotiate(scope: Option<Scope>, narrow: &Narrow) -> Result<Grant> {
    let viewer = strict()?;
    let scope = scope.unwrap_or(Scope::User);
    allow(&viewer, scope)?;
    let owner = viewer.record(scope, narrow)?;
    Ok(Grant { name: "strict", scope, owner, viewer })
}

/// The grant that needs nobody: this process's own capabilities.
fn strict() -> Result<Viewer> {
    let caps = capabilities()?;
    let has = |cap: u32| caps & (1 << cap) != 0 || caps & (1 << CAP_SYS_ADMIN) != 0;
    let lacks: Vec<&str> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .iter()
        .filter(|(c, _)| !has(*c))
        .map(|(_, n)| *n)
        .collect();
    let missing = |why: String, mend: &str| NoGrant(vec![Missing { grant: "strict", why, mend: mend.into() }]);
    if !lacks.is_empty() {
        return Err(missing(
            format!("this process has no {}", lacks.join(" and no ")),
            "sudo setcap cap_bpf,cap_perfmon+ep \"$(command -v cbpf)\", or run it as root",
        )
        .into());
    }
    Viewer::current().map_err(|e| {
        missing(
            format!("bpf() is refused although the capabilities are there ({e:#})"),
            "capabilities count only in the initial user namespace, and a seccomp profile must let bpf() through",
        )
        .into()
    })
}

fn allow(viewer: &Viewer, scope: Scope) -> Result<(), ScopeRefused> {
    match scope {
        Scope::User => Ok(()),
        Scope::Container if viewer.root => Ok(()),
        Scope::Container => Err(ScopeRefused(
            "--scope container: only root of the container may see all of it; --scope user shows your own tasks".into(),
        )),
        Scope::Host if viewer.host_root() => Ok(()),
        Scope::Host => Err(ScopeRefused(
            "--scope host: only root of the host, outside of every container, may see the whole machine".into(),
        )),
    }
}
