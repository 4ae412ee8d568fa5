//! One run of a tool, from its options to its exit status.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use cbpf_bpf::events::cbpf_flag;
use cbpf_common::engine::{self, Plan, Refused};
use cbpf_common::grant::{self, Grant, NoGrant, Request, ScopeRefused};
use cbpf_common::options::Shared;
use cbpf_common::out::{self, Column, Counts, Format, Mark, Out};
use cbpf_common::owner::{Scope, Viewer};
use cbpf_common::say::{self, say};
use cbpf_common::session::{Session, Woken};
use cbpf_common::symbols::Symbols;
use clap::ArgMatches;
use nix::poll::{PollFd, PollFlags};
use nix::unistd::dup;

use crate::cli::command::Child;
use crate::cli::tool::{Report, Stream, Tool};
use crate::cli::{narrow, signals};

/// How a run ended, as an exit status.
pub type Status = u8;
/// Nobody allows tracing, or not in this scope.
const NO_GRANT: Status = 3;
/// The tool cannot run on this kernel.
const NOT_HERE: Status = 4;
/// Events were lost, and the user asked to fail then.
const LOST: Status = 5;

/// Options that do not go together, or ask for what does not exist: exit status 2.
#[derive(Debug)]
pub struct Usage(pub String);
impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Usage {}

/// What a report may need in addition to its events.
pub struct Context {
    /// Who looks.
    pub viewer: Viewer,
    /// Whose events there are.
    pub scope: Scope,
    /// The options that all tools share.
    pub shared: Shared,
    /// Names of addresses.
    pub symbols: Symbols,
}

impl Context {
    /// For tests of rows: uids are the kernel's, and no option was given.
    #[cfg(test)]
    pub fn test() -> Self {
        use clap::FromArgMatches as _;
        let matches = Shared::augment(clap::Command::new("test")).get_matches_from(["test"]);
        let viewer = Viewer { root: true, init_userns: true, ..Viewer::default() };
        let shared = Shared::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
        Self { viewer, scope: Scope::User, shared, symbols: Symbols::default() }
    }

    /// A uid of the kernel as the viewer's user namespace numbers it.
    pub fn uid(&self, kernel: u32) -> Option<u32> {
        self.viewer.uids.inside(kernel)
    }
}

/// What an event's flags say of its string.
pub fn mark(flags: u32) -> Mark {
    if flags & cbpf_flag::CBPF_FAULT.0 != 0 {
        Mark::Fault
    } else if flags & cbpf_flag::CBPF_CUT.0 != 0 {
        Mark::Cut
    } else {
        Mark::Whole
    }
}

/// Prints an error, if it is one, and turns the result into an exit status.
pub fn exit(name: &'static str, result: Result<Status>) -> ExitCode {
    let error = match result {
        Ok(status) => return status.into(),
        Err(e) if out::is_closed(&e) => return ExitCode::SUCCESS,
        Err(e) => e,
    };
    say(format_args!("cbpf {name}: {error:#}"));
    let status = if error.is::<Usage>() {
        2
    } else if error.is::<NoGrant>() || error.is::<ScopeRefused>() {
        NO_GRANT
    } else if error.is::<Refused>() {
        NOT_HERE
    } else {
        1
    };
    status.into()
}

/// Runs a tool that prints a row for each event.
pub fn stream<T: Stream>(name: &'static str, matches: &ArgMatches) -> Result<Status> {
    let mut tool = T::from_arg_matches(matches)?;
    tool.called(name);
    if let Some(answer) = tool.answer() {
        return print(&answer);
    }
    let mut trace = Trace::start(name, &tool, matches, true)?;
    let columns = tool.columns();
    trace.out.set_blocks(tool.blocks());
    let mut seen = Seen::default();
    let result = trace.open_output(None, &columns).and_then(|()| {
        loop {
            trace.show::<T>(&tool, &columns, &mut seen)?;
            if trace.wait(None)? == Next::End {
                break;
            }
        }
        trace.session.detach();
        trace.show::<T>(&tool, &columns, &mut seen)
    });
    trace.finish(result, seen)
}

/// Runs a tool that reports from time to time.
pub fn report<T: Report>(name: &'static str, matches: &ArgMatches) -> Result<Status> {
    let mut tool = T::from_arg_matches(matches)?;
    tool.called(name);
    if let Some(answer) = tool.answer() {
        return print(&answer);
    }
    let mut trace = Trace::start(name, &tool, matches, false)?;
    let (interval, mut left) = tool.pace();
    let mut state = T::State::default();
    let mut shown = 0;
    let mut next = interval.map(|i| Instant::now() + i);
    let heading = tool.heading(&trace.context);
    let columns = if T::OWN_HEADER { Vec::new() } else { tool.table() };
    let result = trace.open_output(heading, &columns).and_then(|()| {
        loop {
            let end = loop {
                let tick = T::TICK.map(|t| Instant::now() + t);
                let end = trace.wait(next.into_iter().chain(tick).min())? == Next::End;
                if end || tick.is_none() || next.is_some_and(|at| Instant::now() >= at) {
                    break end;
                }
                tool.tick(&trace.context, &trace.session, &mut state)?;
            };
            left = left.map(|n| n.saturating_sub(1));
            let last = end || interval.is_none() || left == Some(0);
            if last {
                trace.session.detach();
            }
            shown = tool.report(&trace.context, &trace.session, &mut state, &mut trace.out)?;
            trace.out.flush()?;
            if last {
                return Ok(());
            }
            next = next.zip(interval).map(|(at, i)| at + i);
        }
    });
    trace.finish(result, Seen { shown, unwanted: 0 })
}

/// Runs a tool that does the one or the other.
pub fn either<T: Stream + Report>(name: &'static str, matches: &ArgMatches) -> Result<Status> {
    if T::from_arg_matches(matches)?.reports() { report::<T>(name, matches) } else { stream::<T>(name, matches) }
}

/// What became of the events that arrived.
#[derive(Clone, Copy, Default)]
struct Seen {
    shown: u64,
    /// Those that the tool would not keep: as if they had never matched.
    unwanted: u64,
}

/// Prints what took no tracing.
pub fn print(text: &str) -> Result<Status> {
    say::print(text)?;
    Ok(0)
}

#[derive(PartialEq, Eq)]
enum Next {
    Look,
    End,
}

/// Starts the session. What the daemon grants to nobody or not for this tool, it says at the start only: then what comes
/// after it is tried.
fn begin(plan: &Plan, grant: Grant, request: Request, buffer: u32) -> Result<(Grant, Session)> {
    let refused = match Session::start(plan, &grant, buffer) {
        Err(e) if grant.daemon.is_some() && request.only.is_none() => e.downcast::<NoGrant>()?,
        started => return Ok((grant, started?)),
    };
    match grant::negotiate(&Request { only: Some("strict".into()), ..request }) {
        Ok(grant) => Session::start(plan, &grant, buffer).map(|session| (grant, session)),
        Err(e) => Err(NoGrant(refused.0.into_iter().chain(e.downcast::<NoGrant>()?.0).collect()).into()),
    }
}

/// A trace that runs: everything between start and closing line that tools share.
struct Trace {
    context: Context,
    session: Session,
    out: Out,
    child: Option<Child>,
    stop: BorrowedFd<'static>,
    stdout: OwnedFd,
    deadline: Option<Instant>,
    grant: (&'static str, &'static str),
    name: &'static str,
}

impl Trace {
    fn start<T: Tool>(name: &'static str, tool: &T, matches: &ArgMatches, events: bool) -> Result<Self> {
        let shared = Shared::from(matches)?;
        shared.check().map_err(Usage)?;
        engine::listen(shared.verbose);
        let mut plan = Plan::new(T::NAME)?;
        if events {
            plan.events();
        }
        tool.plan(&shared, &mut plan)?;
        let request = shared.request(T::NAME);
        let grant = grant::negotiate(&request)?;
        narrow::look(&shared, &grant)?;
        // Before the first thread: it asks for the local time zone.
        let out = Out::stdout(if shared.json { Format::Json } else { Format::Text })?;
        let child = if shared.command.is_empty() { None } else { Some(Child::hold(&shared.command)?) };
        let (grant, session) = begin(&plan, grant, request, shared.buffer)?;
        if shared.verbose {
            let (set, passed_over) = session.set();
            say(format_args!("cbpf: program set {set} of {name}"));
            passed_over.iter().for_each(|why| say(format_args!("cbpf: passed over: {why}")));
        }
        if let Some(child) = &child {
            session.adopt(child.pid())?;
        }
        // After the fork: until its exec the child would tell them to us.
        let stop = signals::handle_all()?;
        if !shared.quiet {
            say(format_args!("cbpf: {} grant, scope {}", grant.name, grant.scope.name()));
        }
        if let Some(child) = &child {
            narrow::look_at(child.file(), &shared, &grant);
        }
        Ok(Self {
            deadline: shared.duration.into_iter().chain(tool.duration()).min().map(|d| Instant::now() + d),
            out,
            context: Context { viewer: grant.viewer, scope: grant.scope, shared, symbols: Symbols::default() },
            session,
            child,
            stop,
            stdout: dup(std::io::stdout())?,
            grant: (grant.name, grant.scope.name()),
            name,
        })
    }

    /// Prints what stands above the first row, and lets the command run: whoever sees the header knows that from
    /// now on everything is traced.
    fn open_output(&mut self, heading: Option<&str>, columns: &[Column]) -> Result<()> {
        self.out.start(self.name, self.grant.0, self.grant.1)?;
        if let Some(heading) = heading {
            self.out.line(heading)?;
        }
        if !columns.is_empty() {
            self.out.header(columns)?;
        }
        self.out.flush()?;
        match &mut self.child {
            Some(child) => child.release(),
            None => Ok(()),
        }
    }

    /// Prints the events that wait.
    fn show<T: Stream>(&mut self, tool: &T, columns: &[Column], seen: &mut Seen) -> Result<()> {
        let (out, context) = (&mut self.out, &self.context);
        let mut result = Ok(());
        self.session.drain(|bytes| {
            let mut event = T::Event::default();
            // A record is at least its fixed part: both sides are of one build.
            let size = size_of::<T::Event>().min(bytes.len());
            if plain::copy_from_bytes(&mut event, &bytes[..size]).is_err() {
                return true;
            }
            if !tool.keep(&event, &bytes[size..]) {
                seen.unwanted += 1;
                return true;
            }
            let ts = bytes.first_chunk().map_or(0, |b| u64::from_ne_bytes(*b));
            result = out.row("event", Some(ts), columns, |row| tool.row(context, &event, &bytes[size..], row));
            seen.shown += u64::from(result.is_ok());
            result.is_ok()
        });
        result.map_err(anyhow::Error::from)?;
        Ok(self.out.flush()?)
    }

    /// Waits for events, the next report, or the end.
    fn wait(&mut self, report: Option<Instant>) -> Result<Next> {
        let ended = self.child.as_ref().map(Child::ended);
        // Of stdout only the news that its reader has gone; a file would always be ready.
        let mut others =
            vec![PollFd::new(self.stop, PollFlags::POLLIN), PollFd::new(self.stdout.as_fd(), PollFlags::empty())];
        others.extend(ended.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let until = self.deadline.into_iter().chain(report).min();
        loop {
            let over = |at: Option<Instant>| at.is_some_and(|at| Instant::now() >= at);
            let woken = self.session.wait(&others, until)?;
            return Ok(match woken {
                Woken::Other(_) | Woken::Ended => Next::End,
                _ if over(self.deadline) => Next::End,
                Woken::Timeout => Next::Look,
                Woken::Events if self.session.has_ring() || over(report) => Next::Look,
                Woken::Events => continue,
            });
        }
    }

    /// The counts at the end, and the exit status.
    fn finish(mut self, result: Result<()>, seen: Seen) -> Result<Status> {
        self.session.detach();
        let closed = match result {
            Ok(()) => false,
            Err(e) if out::is_closed(&e) => true,
            // What was counted until then is still there.
            Err(_) if self.session.ended().is_some() => false,
            Err(e) => {
                if let Some(child) = &self.child {
                    child.terminate();
                }
                return Err(e);
            }
        };
        let mut counts = self.session.counts();
        counts.matched = counts.matched.saturating_sub(seen.unwanted);
        let shown = seen.shown;
        let mut dropped = counts.dropped.clone();
        // What was delivered but found no reader any more.
        let ended = self.session.ended();
        let unread = if ended.is_some() { "daemon ended" } else { "output closed" };
        dropped.push((unread, counts.matched.saturating_sub(shown + counts.lost())));
        let lost = counts.lost();
        let counts = Counts { matched: counts.matched, shown, dropped: &dropped, missed: counts.missed };
        if !closed {
            match self.out.end(&counts).and_then(|()| self.out.flush()) {
                Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => return Err(e.into()),
                _ => {}
            }
        }
        if !self.context.shared.quiet {
            say(format_args!("cbpf: {}", out::closing_line(&counts)));
        }
        if let Some(why) = ended {
            if let Some(child) = &self.child {
                child.terminate();
            }
            anyhow::bail!("the daemon ended the trace: {why}");
        }
        if let Some(child) = &self.child {
            // Its status is passed on if it ended by itself: Ctrl-C on a terminal ends it too.
            let ended = child.has_ended() && !signals::stopped();
            if !ended && !closed && !signals::stopped() && !self.context.shared.quiet {
                say("cbpf: the trace has ended before the command, which is sent SIGTERM");
            }
            child.terminate();
            let status = child.status()?;
            if ended && status != 0 {
                return Ok(status);
            }
        }
        Ok(if lost > 0 && self.context.shared.on_loss == "fail" { LOST } else { 0 })
    }
}
