//! The options that all tools share, defined once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use cbpf_bpf::events::{cbpf_head, cbpf_owner};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command, FromArgMatches as _, ValueHint};

use crate::engine;
use crate::grant::Request;
use crate::owner::{self, Narrow, Scope};

/// Bytes of the ring, unless an option says otherwise. Two loops that do nothing but open a file lose none of 600,000
/// opens (`make bench`), and it counts as memory of the reader too.
pub const BUFFER: u32 = 2 << 20;

/// Options of every tool. A tool that gives one of these letters another meaning, as its libbpf-tools original does,
/// keeps the letter; the long name always works.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Whose events")]
pub struct Shared {
    /// Whose events: `user` (your own), `container` (all of this container, for its root), `host` (for root of the host) [default: user; container for root of a container with a token or the daemon]
    #[arg(long, value_name = "SCOPE", value_parser = scopes(), hide_possible_values = true)]
    pub scope: Option<Scope>,
    /// Only these processes (up to 32, comma separated)
    #[arg(short, long = "pid", value_name = "PID", value_delimiter = ',', value_parser = id)]
    pub pids: Vec<u32>,
    /// Only these threads (up to 32, comma separated)
    #[arg(short, long = "tid", value_name = "TID", value_delimiter = ',', value_parser = id)]
    pub tids: Vec<u32>,
    /// Only this user, by number or name
    #[arg(short, long, value_name = "UID", value_parser = owner::parse_uid, value_hint = ValueHint::Username)]
    pub uid: Option<u32>,
    /// Only this cgroup (a directory of cgroup v2) and what is below it
    #[arg(short, long, value_name = "PATH", value_parser = owner::parse_cgroup, value_hint = ValueHint::DirPath)]
    pub cgroup: Option<PathBuf>,
    /// How to get permission: `token` (delegated to this container), `daemon` (cbpfd), `strict` (own capabilities), or `auto` for the first that is available
    #[arg(long, value_name = "GRANT", default_value = "auto", value_parser = ["auto", "token", "daemon", "strict"])]
    pub grant: String,
    /// The bpffs to take a BPF token from [default: $CBPF_TOKEN_PATH, /sys/fs/bpf, then any with a delegation]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub token: Option<PathBuf>,

    /// Stop after this many seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, help_heading = "Running")]
    pub duration: Option<Duration>,
    /// Size of the buffer between kernel and reader, with K, M or G
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "2M", help_heading = "Running")]
    pub buffer: u32,
    /// What to do if events were lost: `warn`, or `fail` for exit status 5
    #[arg(long, value_name = "WHAT", default_value = "warn", value_parser = ["warn", "fail"], help_heading = "Running")]
    pub on_loss: String,
    /// Run this command, trace it and its descendants, and end with it
    #[arg(last = true, value_name = "COMMAND", help_heading = "Running", value_hint = ValueHint::CommandName)]
    pub command: Vec<OsString>,

    /// One JSON object per line
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Print neither the grant nor the closing counts
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
    /// Print messages of libbpf and the verifier
    #[arg(short, long, help_heading = "Output")]
    pub verbose: bool,
}

impl Shared {
    /// Adds the shared options to a tool's command, without the letters that the tool uses itself.
    pub fn augment(command: Command) -> Command {
        let taken: Vec<char> = command.get_arguments().filter_map(Arg::get_short).collect();
        let shared = Self::augment_args(Command::new("shared"));
        let args: Vec<Arg> = shared.get_arguments().cloned().collect();
        args.into_iter().fold(command, |command, arg| match arg.get_short() {
            Some(letter) if taken.contains(&letter) => command.arg(arg.short(None)),
            _ => command.arg(arg),
        })
    }

    /// The options that were given.
    pub fn from(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches(matches)
    }

    /// What no single option shows to be wrong.
    pub fn check(&self) -> Result<(), String> {
        if let Some(path) = self.token.as_ref().filter(|path| !path.is_dir()) {
            return Err(format!("--token: {} is not a directory", path.display()));
        }
        let max = cbpf_owner::default().pids.len();
        for (option, ids) in [("--pid", &self.pids), ("--tid", &self.tids)] {
            if ids.len() > max {
                return Err(format!("{option}: {} are too many, at most {max}; --cgroup has no such limit", ids.len()));
            }
        }
        Ok(())
    }

    /// The grant that they ask for, for a tool.
    pub fn request(&self, tool: &'static str) -> Request {
        let narrow = Narrow {
            pids: self.pids.clone(),
            tids: self.tids.clone(),
            uid: self.uid,
            cgroup: self.cgroup.clone(),
            family: !self.command.is_empty(),
        };
        let only = (self.grant != "auto").then(|| self.grant.clone());
        Request { only, scope: self.scope, narrow, token: self.token.clone(), tool: Some(tool) }
    }
}

/// By name, as completions want it.
fn scopes() -> impl TypedValueParser<Value = Scope> {
    let names = [Scope::User, Scope::Container, Scope::Host].map(Scope::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Scope>())
}

/// A CPU that there can be.
pub fn cpu(text: &str) -> Result<i32, String> {
    let cpus = engine::possible_cpus().map_err(|e| e.to_string())?;
    let cpu = text.parse::<i32>().ok().filter(|cpu| u32::try_from(*cpu).is_ok_and(|cpu| cpu < cpus));
    cpu.ok_or_else(|| format!("not the number of a CPU: 0 to {} here", cpus.saturating_sub(1)))
}

/// A process or a thread.
fn id(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|id| *id > 0).ok_or_else(|| "not the number of a process or thread".into())
}

/// A number of seconds, with a fraction if need be.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(d) if !d.is_zero() && seconds <= 1e9 => Ok(d),
        _ => Err("a time must be above 0 and at most 30 years".into()),
    }
}

/// A thread's name, or a part of it: of more bytes than the kernel keeps it is none.
pub fn comm(text: &str) -> Result<String, String> {
    let longest = cbpf_head::default().comm.len() - 1; // with a NUL
    if text.len() <= longest { Ok(text.into()) } else { Err(format!("the kernel keeps {longest} bytes of a name")) }
}

/// A size with a unit of 1024, rounded up to a power of two as rings need it; at least one page, at most 1 GiB.
fn size(text: &str) -> Result<u32, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match text[digits.len()..].to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return Err("use a number with K, M or G".into()),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or("not a size")?;
    if !(1..=1 << 30).contains(&bytes) {
        return Err("between 4K and 1G".into());
    }
    u32::try_from(bytes.max(4096).next_power_of_two()).map_err(|e| e.to_string())
}

/// How often a tool reports, and how many times. `None`: once, at the end, and without a bound.
pub type Pace = (Option<Duration>, Option<u64>);

/// `[interval] [count]`, for tools that report from time to time.
#[derive(Args, Clone, Copy, Debug)]
pub struct Interval {
    /// Report every INTERVAL seconds instead of once at the end
    #[arg(value_parser = seconds)]
    pub interval: Option<Duration>,
    /// End after this many reports
    #[arg(value_parser = count)]
    pub count: Option<u64>,
}

impl Interval {
    /// What was said, or once at the end.
    pub fn pace(&self) -> Pace {
        (self.interval, self.count)
    }
}

/// The unit of histograms of times: microseconds or milliseconds.
#[derive(Args, Clone, Copy, Debug)]
pub struct Unit {
    /// Milliseconds instead of microseconds
    #[arg(short, long)]
    pub milliseconds: bool,
}

impl Unit {
    /// As it stands above a histogram.
    pub fn name(self) -> &'static str {
        if self.milliseconds { "msecs" } else { "usecs" }
    }

    /// Its length, ns: the knob `unit` (bpf/include/hist.bpf.h).
    pub fn ns(self) -> u32 {
        if self.milliseconds { 1_000_000 } else { 1000 }
    }
}

/// `[interval] [count]`, for tools that report each second unless told otherwise.
#[derive(Args, Clone, Copy, Debug)]
pub struct EachSecond {
    /// Seconds between reports
    #[arg(default_value = "1", value_parser = seconds)]
    pub interval: Duration,
    /// End after this many reports
    #[arg(value_parser = count)]
    pub count: Option<u64>,
}

impl EachSecond {
    /// What was said, or each second.
    pub fn pace(&self) -> Pace {
        (Some(self.interval), self.count)
    }
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "not a number of reports (at least 1)".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(size("3m"), Ok(4 << 20));
        assert_eq!(size("2M"), Ok(BUFFER)); // as the option's default says
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("1"), Ok(4096));
        for bad in ["", "K", "0", "2G", "99999999999999999999", "4T", "-1"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_are_positive_and_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "nan", "inf", "1e300", "x"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_not_longer_than_the_kernels() {
        assert_eq!(comm("fifteen-letters"), Ok("fifteen-letters".into()));
        assert!(comm("sixteen-letters.").is_err() && comm("äöüäöüäö").is_err());
    }

    #[test]
    fn a_letter_that_a_tool_uses_stays_the_tools() {
        let tool = Command::new("t").arg(Arg::new("callers").short('c').num_args(0));
        let command = Shared::augment(tool);
        command.clone().debug_assert();
        let cgroup = command.get_arguments().find(|a| a.get_id() == "cgroup").map(Arg::get_short);
        assert_eq!(cgroup, Some(None));
    }
}
