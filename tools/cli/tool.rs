//! What is special to a tool, and how it is made an entry of the registry.

use std::time::Duration;

use anyhow::Result;
use cbpf_common::engine::Plan;
use cbpf_common::options::{Pace, Shared};
use cbpf_common::out::{Column, Out, Row};
use cbpf_common::session::Session;
use clap::{ArgMatches, Args, Command};
use plain::Plain;

use crate::cli::run::{self, Context, Status};

/// A tool: its options and what they ask of its programs.
pub trait Tool: Args {
    /// Its name, and that of its object and its man page.
    const NAME: &'static str;
    /// What it shows, in one line.
    const ABOUT: &'static str;
    /// What one has to know to read the numbers correctly, for `--help`; mostly nothing.
    const NOTES: &'static str = "";
    /// Commands with what they are good for, for `--help`.
    const EXAMPLES: &'static [(&'static str, &'static str)];

    /// Words that it cannot do without, as examples: for those who want to know how it would run. It does if it does with
    /// one of them.
    const WORDS: &'static [&'static [&'static str]] = &[&[]];

    /// What the options ask for that takes no tracing, such as a list; it is printed, and that was all.
    fn answer(&self) -> Option<String> {
        None
    }

    /// For a tool that is both a [`Stream`] and a [`Report`]: do the options ask for the report?
    fn reports(&self) -> bool {
        false
    }

    /// How long to trace, where an option of its own says so.
    fn duration(&self) -> Option<Duration> {
        None
    }

    /// It was called by this name, its own or an alias.
    fn called(&mut self, _name: &str) {}

    /// Turns the options into knobs and points to attach to. An error is the user's: exit status 2.
    fn plan(&self, shared: &Shared, plan: &mut Plan) -> Result<()>;
}

/// A tool that prints a row for each event.
pub trait Stream: Tool {
    /// The event's fixed part, from `bpf/NAME.h`.
    type Event: Plain + Default + Copy;
    /// The columns of a row, with those that the options hide.
    fn columns(&self) -> Vec<Column>;
    /// Is the text of a row a block of lines, one for each column?
    fn blocks(&self) -> bool {
        false
    }
    /// Is this event wanted? For what no program can test, such as a string of any length: an event that is not counts
    /// as one that never matched. The programs' own filters come first, and they are cheaper.
    fn keep(&self, _event: &Self::Event, _tail: &[u8]) -> bool {
        true
    }
    /// Fills in one row. `tail` is what follows the fixed part.
    fn row(&self, context: &Context, event: &Self::Event, tail: &[u8], row: &mut Row<'_>);
}

/// A tool that counts in the kernel and reports from time to time.
pub trait Report: Tool {
    /// How often, and how many times.
    fn pace(&self) -> Pace {
        (None, None)
    }
    /// A line above everything that says what is shown, where the numbers do not.
    fn heading(&self, _: &Context) -> Option<&'static str> {
        None
    }
    /// The columns, where a report has rows.
    fn table(&self) -> Vec<Column> {
        Vec::new()
    }
    /// Does a report print the header itself? Otherwise it stands once above all of them.
    const OWN_HEADER: bool = false;
    /// State between two reports.
    type State: Default;
    /// How often to call [`Report::tick`], if at all.
    const TICK: Option<Duration> = None;
    /// Looks at what will be gone by the time of the next report, such as the memory maps of processes.
    fn tick(&self, _: &Context, _: &Session, _: &mut Self::State) -> Result<()> {
        Ok(())
    }
    /// Reads the maps and prints what happened since the last report. Returns how many events the maps hold since
    /// the start.
    fn report(&self, context: &Context, session: &Session, state: &mut Self::State, out: &mut Out) -> Result<u64>;
}

/// A line of the registry.
pub struct Entry {
    /// The tool's name.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Its command line.
    pub command: fn() -> Command,
    /// What a user must know as well: [`Tool::NOTES`].
    #[cfg_attr(not(test), expect(dead_code, reason = "for the manual"))]
    pub notes: &'static str,
    /// [`Tool::EXAMPLES`].
    #[cfg_attr(not(test), expect(dead_code, reason = "for the manual"))]
    pub examples: &'static [(&'static str, &'static str)],
    /// Every column that its rows can have, whatever the options.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the manual"))]
    pub columns: fn() -> Vec<Column>,
    /// Runs it, under the name that was typed.
    pub run: Run,
    /// What it asks for without any option but the scope `host`, if so; of several, one is enough.
    pub plans: PlansOf,
}

/// How an entry's tool is run, and what it plans.
type Run = fn(&'static str, &ArgMatches) -> Result<Status>;
type PlansOf = fn(bool) -> Vec<Result<Plan>>;

impl Entry {
    const fn of<T: Tool>(run: Run, plans: PlansOf, columns: fn() -> Vec<Column>) -> Self {
        Self {
            name: T::NAME,
            about: T::ABOUT,
            command: command::<T>,
            notes: T::NOTES,
            examples: T::EXAMPLES,
            columns,
            run,
            plans,
        }
    }

    /// An entry for a [`Stream`].
    pub const fn stream<T: Stream>() -> Self {
        Self::of::<T>(run::stream::<T>, |host| plans::<T>(|_| true, host), || columns(T::columns))
    }

    /// An entry for a [`Report`].
    pub const fn report<T: Report>() -> Self {
        Self::of::<T>(run::report::<T>, |host| plans::<T>(|_| false, host), || columns(T::table))
    }

    /// An entry for what is a [`Report`] with some options and a [`Stream`] with others.
    pub const fn either<T: Stream + Report>() -> Self {
        Self::of::<T>(
            run::either::<T>,
            |host| plans::<T>(|tool| !tool.reports(), host),
            || columns(|tool: &T| [tool.columns(), tool.table()].concat()),
        )
    }
}

/// Of the tool without options: those that options show are there too, hidden.
fn columns<T: Tool>(of: fn(&T) -> Vec<Column>) -> Vec<Column> {
    let matches = command::<T>().try_get_matches_from([&[T::NAME], T::WORDS[0]].concat());
    matches.and_then(|matches| T::from_arg_matches(&matches)).map(|tool| of(&tool)).unwrap_or_default()
}

fn plans<T: Tool>(events: fn(&T) -> bool, host: bool) -> Vec<Result<Plan>> {
    T::WORDS.iter().map(|words| plan::<T>(events, host, words)).collect()
}

fn plan<T: Tool>(events: fn(&T) -> bool, host: bool, words: &[&str]) -> Result<Plan> {
    let scope: &[&str] = if host { &["--scope", "host"] } else { &[] };
    let matches = command::<T>().try_get_matches_from([&[T::NAME], scope, words].concat())?;
    let (tool, mut plan) = (T::from_arg_matches(&matches)?, Plan::new(T::NAME)?);
    if events(&tool) {
        plan.events();
    }
    tool.plan(&Shared::from(&matches)?, &mut plan)?;
    Ok(plan)
}

fn command<T: Tool>() -> Command {
    let width = T::EXAMPLES.iter().map(|(example, _)| example.len()).max().unwrap_or(0);
    let examples: String = T::EXAMPLES.iter().map(|(what, why)| format!("\n  {what:width$}  {why}")).collect();
    let notes = if T::NOTES.is_empty() { String::new() } else { format!("{}\n\n", T::NOTES) };
    // Last, because the doc comments of flattened options set it too.
    let command = T::augment_args(Command::new(T::NAME))
        .about(T::ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(format!("{notes}Examples:{examples}"));
    // A negative number behind an option is a value that the option refuses, in its own words.
    Shared::augment(command).mut_args(|arg| match arg.is_positional() || !arg.get_action().takes_values() {
        true => arg,
        false => arg.allow_negative_numbers(true),
    })
}

/// A tool with the options of a command line.
#[cfg(test)]
pub fn parsed<T: Tool>(words: &[&str]) -> Result<T, clap::Error> {
    let command = T::augment_args(Command::new(T::NAME).no_binary_name(true));
    T::from_arg_matches(&command.try_get_matches_from(words)?)
}
