//! funclatency: how long calls of a function take.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use cbpf_bpf::events::cbpf_hist;
use cbpf_common::delta::Deltas;
use cbpf_common::elf;
use cbpf_common::engine::Plan;
use cbpf_common::functions;
use cbpf_common::options::{Pace, Shared, seconds};
use cbpf_common::out::{Label, Out};
use cbpf_common::session::Session;

use crate::shared::hists;
use crate::cli::run::{Context, Usage};
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {
    /// A function of the kernel (`vfs_read`), of a library (`c:malloc`), of a program in the PATH (`bash:readline`), of any
    /// file (`/opt/db/bin/db:commit`), or of what the processes given with -p run (`:commit`)
    function: String,
    /// Milliseconds instead of nanoseconds
    #[arg(short, long, group = "unit_of_time")]
    milliseconds: bool,
    /// Microseconds instead of nanoseconds
    #[arg(short = 'u', long, group = "unit_of_time")]
    microseconds: bool,
    /// Report every SECONDS seconds instead of once at the end
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    interval: Option<Duration>,
    /// Print the time above each report
    #[arg(short = 'T', long)]
    timestamp: bool,
    /// Use kprobes for a kernel function even where trampolines would work
    #[arg(short, long)]
    kprobes: bool,
}

/// The sets of programs: bpf/funclatency.bpf.c.
const KERNEL: [u32; 3] = [1, 2, 3];
const USER: [u32; 2] = [4, 5];

impl tool::Tool for Tool {
    const NAME: &'static str = "funclatency";
    const ABOUT: &'static str = "Show how long calls of a function take, in the kernel or in a program, as a histogram";
    const NOTES: &'static str = "Only calls by your own tasks are seen, and only those that return. Calls by \
        interrupts belong to nobody; where a kernel does not say who calls (Debian's 5.10), neither do those by page \
        faults. Where the compiler has inlined a function, there is no call. Calls of the function within a call of \
        it count each, up to 32 deep.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf funclatency -u vfs_read", "how long your tasks' reads take, in microseconds"),
        ("cbpf funclatency -mTi 5 vfs_fsync_range", "every 5 seconds, with the time"),
        ("cbpf funclatency -p 1216 c:malloc", "the C library's malloc, as that process calls it"),
        ("cbpf funclatency -p 1216 :handle_request", "a function of the program that it runs"),
    ];
    // Both are seldom called. More kernels let one probe a program's, and the daemon the kernel's.
    const WORDS: &'static [&'static [&'static str]] = &[&["c:getaddrinfo"], &["vfs_fsync_range"]];

    fn plan(&self, shared: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("unit", self.unit().1);
        let found = match self.function.split_once(':') {
            None => {
                plan.sets(&KERNEL[usize::from(self.kprobes)..]);
                functions::in_kernel(&self.function).and_then(|()| plan.at_kernel(self.function.clone()).map(drop))
            }
            Some((file, function)) => {
                plan.sets(&USER);
                user_function(file, function, &shared.pids, plan)
            }
        };
        found.map_err(|e| Usage(format!("{}: {e:#}", self.function)).into())
    }
}

fn user_function(file: &str, function: &str, pids: &[u32], plan: &mut Plan) -> Result<()> {
    ensure!(!function.is_empty(), "name a function after the colon");
    ensure!(!file.is_empty() || !pids.is_empty(), "say with -p whose program is meant, or name its file before the colon");
    let files = functions::named(file, pids)?;
    ensure!(!files.is_empty(), "there is no library and no program {file}; give the path of the file");
    let mut seen = Vec::new();
    for file in files {
        let status = file.metadata()?;
        let identity = (status.dev(), status.ino());
        if seen.contains(&identity) {
            continue;
        }
        if let Some(found) = functions::find(file, &[function])? {
            ensure!(
                !elf::chooses(&found.file, &found.offsets),
                "the library has several of that name and chooses one for this CPU when a program starts; name that one, if it has a symbol"
            );
            plan.at(found);
            seen.push(identity);
        }
    }
    ensure!(!seen.is_empty(), "the file has no symbol for that function: it is stripped, or the compiler has inlined it");
    Ok(())
}

impl Tool {
    /// The name of the unit, and its nanoseconds.
    fn unit(&self) -> (&'static str, u32) {
        match self {
            Self { milliseconds: true, .. } => ("msecs", 1_000_000),
            Self { microseconds: true, .. } => ("usecs", 1000),
            _ => ("nsecs", 1),
        }
    }
}

impl Report for Tool {
    type State = Deltas<cbpf_hist>;

    fn pace(&self) -> Pace {
        (self.interval, None)
    }

    fn report(&self, _: &Context, session: &Session, seen: &mut Self::State, out: &mut Out) -> Result<u64> {
        let (gained, events) = seen.step::<u32>(session.snapshot("hists")?);
        let gained = gained.into_iter().map(|(_, hist)| (self.function.clone(), hist)).collect();
        hists::print(out, self.timestamp, self.unit().0, gained, |function, _| {
            vec![("function", Label::Text(function.as_bytes()))]
        })?;
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches as _;

    use super::*;
    use crate::cli::tool::{Tool as _, parsed};

    fn tool(args: &[&str]) -> Tool {
        parsed(args).expect("options")
    }

    fn refusal(args: &[&str], pids: &[u32]) -> String {
        let matches = Shared::augment(clap::Command::new("test")).get_matches_from(["test"]);
        let mut shared = Shared::from_arg_matches(&matches).expect("options");
        shared.pids = pids.to_vec();
        let mut plan = Plan::new("funclatency").expect("object");
        tool(args).plan(&shared, &mut plan).err().map_or_else(String::new, |e| format!("{e:#}"))
    }

    #[test]
    fn units_exclude_each_other() {
        assert_eq!(tool(&["f"]).unit(), ("nsecs", 1));
        assert_eq!(tool(&["-u", "f"]).unit(), ("usecs", 1000));
        assert_eq!(tool(&["-m", "f"]).unit(), ("msecs", 1_000_000));
        assert!(parsed::<Tool>(&["-m", "-u", "f"]).is_err());
        assert!(parsed::<Tool>(&[]).is_err());
    }

    #[test]
    fn what_is_no_function_is_refused_in_words() {
        assert_eq!(refusal(&["vfs_read"], &[]), "");
        assert_eq!(refusal(&["c:getpid"], &[]), "");
        assert_eq!(refusal(&["c:getpid"], &[std::process::id()]), "");
        assert!(refusal(&["no_such_function"], &[]).contains("this kernel has no function no_such_function"));
        assert!(refusal(&["vfs_read+1"], &[]).contains("is not the name"));
        assert!(refusal(&["c:no_such_function"], &[]).contains("has no symbol"));
        assert!(refusal(&["c:strlen"], &[]).contains("chooses one for this CPU"));
        assert!(refusal(&[":main"], &[]).contains("say with -p"));
        assert!(refusal(&["no-such-program:main"], &[]).contains("there is no library"));
        assert!(refusal(&["/etc/passwd:main"], &[]).contains("not an ELF file"));
        assert!(refusal(&["c:"], &[]).contains("after the colon"));
    }
}
