//! How cbpf gets to run a BPF program, and what it may then see.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use cbpf_bpf::events::cbpf_owner;

use crate::client::{self, Client};
use crate::engine;
use crate::owner::{self, Narrow, Scope, Viewer};
use crate::proc::Status;
use crate::proc::caps::{self, CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN};
use crate::token::{self, Token};

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
    /// What the loader's bpf() calls carry, if anything.
    pub token: Option<Token>,
    /// Who loads for us, if we do not. The record is empty then: this process has no say in it.
    pub daemon: Option<Arc<Client>>,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The one kind of grant to try; `None`: each in turn.
    pub only: Option<String>,
    /// The scope; `None`: the widest that the grant gives unasked.
    pub scope: Option<Scope>,
    /// Narrowing inside it.
    pub narrow: Narrow,
    /// The bpffs to take a token from; `None`: look for one.
    pub token: Option<PathBuf>,
    /// The tool that it is for, if for one: a token must do for it.
    pub tool: Option<&'static str>,
}

/// No grant: for each kind the link that is missing and what fixes it.
#[derive(Debug)]
pub struct NoGrant(pub Vec<Missing>);

/// Why one kind of grant is not to be had.
#[derive(Debug)]
pub struct Missing {
    /// The grant's name.
    pub grant: &'static str,
    /// What is missing.
    pub why: String,
    /// What fixes it.
    pub fix: String,
}

impl Missing {
    /// With both in words.
    pub(crate) fn new(grant: &'static str, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { grant, why: why.into(), fix: fix.into() }
    }
}

impl fmt::Display for NoGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no permission to trace")?;
        for missing in &self.0 {
            write!(f, "\n  {}: {}\n    fix: {}", missing.grant, missing.why, missing.fix)?;
        }
        Ok(())
    }
}
impl std::error::Error for NoGrant {}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.grant, self.why)
    }
}
impl std::error::Error for Missing {}

/// A scope that this user cannot have; the text says why and what to use.
#[derive(Debug)]
pub struct ScopeRefused(pub String);
impl fmt::Display for ScopeRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for ScopeRefused {}

/// Finds a grant, and the ownership record for the scope asked for.
///
/// # Errors
/// [`NoGrant`] when nothing allows tracing, [`ScopeRefused`] when the one grant asked for does not give that scope.
pub fn negotiate(request: &Request) -> Result<Grant> {
    let mut missing = Vec::new();
    for (name, ask) in GRANTS {
        if request.only.as_deref().is_some_and(|only| only != *name) {
            continue;
        }
        match ask(request) {
            Ok(grant) => return Ok(grant),
            Err(e) => missing.push(match e.downcast::<ScopeRefused>() {
                // The next one may give it.
                Ok(ScopeRefused(why)) if request.only.is_none() => {
                    Missing::new(name, why, "ask for a scope that is yours")
                }
                Ok(refused) => return Err(refused.into()),
                Err(e) => e.downcast::<Missing>()?,
            }),
        }
    }
    // Nobody waits for anything any more: now every link is looked at.
    if request.only.is_none()
        && let Some(first) = missing.first_mut()
        && let Err(e) = find_token(request, true)
    {
        *first = e.downcast::<Missing>()?;
    }
    Err(NoGrant(missing).into())
}

/// Each scope, with why it is not given if so.
pub type Scopes = Vec<(Scope, Result<(), String>)>;

/// What one kind of grant gives this process.
#[derive(Debug)]
pub struct Survey {
    /// Its name.
    pub grant: &'static str,
    /// The scopes, or what is missing for any.
    pub scopes: Result<Scopes, Missing>,
}

/// Asks every kind of grant for every scope.
pub fn survey() -> Vec<Survey> {
    GRANTS.iter().map(|(grant, ask)| Survey { grant, scopes: scopes(grant, *ask) }).collect()
}

fn scopes(grant: &str, ask: Ask) -> Result<Scopes, Missing> {
    let mut scopes = Vec::new();
    for scope in [Scope::User, Scope::Container, Scope::Host] {
        let request = Request { only: Some(grant.into()), scope: Some(scope), ..Default::default() };
        let given = match ask(&request).map_err(anyhow::Error::downcast::<Missing>) {
            Ok(_) => Ok(()),
            Err(Ok(missing)) => return Err(missing),
            Err(Err(e)) => Err(format!("{e:#}")),
        };
        scopes.push((scope, given));
    }
    Ok(scopes)
}

fn find_token(request: &Request, thorough: bool) -> Result<Token> {
    let init_userns = owner::in_init_userns()?;
    Ok(token::find(request.token.as_deref(), init_userns, &Status::of("self")?, thorough)?)
}

/// A kind of grant. An error is [`Missing`], or something that no other kind would fix.
type Ask = fn(&Request) -> Result<Grant>;

/// Every kind, in the order tried.
const GRANTS: &[(&str, Ask)] = &[("token", token), ("daemon", daemon), ("strict", strict)];

/// The token grant: the host delegated bpf() to this user namespace.
fn token(request: &Request) -> Result<Grant> {
    let token = find_token(request, request.only.is_some())?;
    if let Some(tool) = request.tool {
        let lacks = engine::lacks(tool, &token.allows)?.options();
        if !lacks.is_empty() {
            let why = format!("{} delegates too little for {tool}: no {}", token::display(&token), lacks.join(" "));
            let fix = format!("on the host: cbpfd delegate --pid PID --tools {tool} (a process of this container)");
            return Err(Missing::new("token", why, fix).into());
        }
    }
    let viewer = Viewer::current(Some(&token)).map_err(|e| {
        let why = format!("{} gives a token, but the kernel refuses its use ({e:#})", token::display(&token));
        Missing::new("token", why, "delegate more: cbpfd delegate --pid PID makes the set that cbpf needs")
    })?;
    // Root of a container sees the container; in a mere user namespace there is none.
    let container = viewer.root && viewer.level > 0;
    give("token", request, if container { Scope::Container } else { Scope::User }, viewer, Some(token))
}

/// The daemon grant: another process, which has the privilege, loads and filters.
fn daemon(request: &Request) -> Result<Grant> {
    let permit = client::ask(request)?;
    Ok(Grant {
        name: "daemon",
        scope: permit.scope,
        owner: cbpf_owner::default(),
        viewer: permit.viewer,
        token: None,
        daemon: Some(Arc::new(permit.client)),
    })
}

/// The strict grant, which needs nobody: this process's own capabilities.
fn strict(request: &Request) -> Result<Grant> {
    let status = Status::of("self")?;
    let has = |cap| caps::has(status.effective, cap) || caps::has(status.effective, CAP_SYS_ADMIN);
    let lacks: Vec<&str> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .iter()
        .filter(|(c, _)| !has(*c))
        .map(|(_, n)| *n)
        .collect();
    let missing = |why: String, fix: &str| Missing::new("strict", why, fix);
    if !lacks.is_empty() {
        return Err(missing(
            format!("this process has no {}", lacks.join(" and no ")),
            "sudo setcap cap_bpf,cap_perfmon+ep \"$(command -v cbpf)\", or run it as root",
        )
        .into());
    }
    if !owner::in_init_userns()? {
        let why =
            "this is a container with a user namespace of its own, outside of which its capabilities do not count";
        return Err(missing(why.into(), "none here; a token or the daemon do the same").into());
    }
    if let Some(why) = token::refused_by_seccomp(status.seccomp) {
        return Err(missing(why, "start the container with a profile that lets bpf through, or use the daemon").into());
    }
    let viewer = Viewer::current(None).map_err(|e| {
        missing(
            format!("bpf() is refused although the capabilities are there ({e:#})"),
            "see what a security module (AppArmor, SELinux) logs, or use the daemon",
        )
    })?;
    give("strict", request, Scope::User, viewer, None)
}

fn give(name: &'static str, request: &Request, default: Scope, viewer: Viewer, token: Option<Token>) -> Result<Grant> {
    let scope = request.scope.unwrap_or(default);
    allow(&viewer, scope)?;
    let owner = viewer.record(scope, &request.narrow)?;
    Ok(Grant { name, scope, owner, viewer, token, daemon: None })
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
