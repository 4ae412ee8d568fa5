//! What the user reads: rows, histograms and stacks, as text laid out like bcc's or as one JSON object a line.
//!
//! Everything passes through [`Out`], one reusable buffer: a row allocates nothing. Strings are escaped here and nowhere
//! else, so a tool cannot forget it.

mod escape;
mod hist;
mod row;
mod stack;
mod time;

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

pub use escape::{Mark, text as escape, until_nul};
pub use hist::{Hist, Label, Scale};
pub use row::{Align, Column, Row};
pub use stack::{Stack, StackStyle};
pub use time::{Clock, Sample};

/// Version of the JSON records. It grows when a key changes its meaning or goes away; new keys may come at any time.
pub const SCHEMA: u32 = 1;

/// The buffer is written out when it holds this many bytes, even within one batch of events.
const FULL: usize = 64 * 1024;

/// What the output looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Columns for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Events, seen from the end: `matched` is `shown` plus everything that was dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts<'a> {
    /// Events that belonged to the user and that the tool was asked for.
    pub matched: u64,
    /// Those that reached the output.
    pub shown: u64,
    /// How many of them were lost to which cause; a cause is a few words such as `ring full`.
    pub dropped: &'a [(&'static str, u64)],
    /// How often the kernel did not run a program because the event interrupted that program itself. Nobody looked
    /// whose events those were, so they are in no other number.
    pub missed: u64,
}

impl Counts<'_> {
    /// Losses of all causes together.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// The reader has gone away: the end of the work, not a failure.
#[derive(Clone, Copy, Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the output is closed")
    }
}

impl std::error::Error for Closed {}

/// Whether an error means that the reader of the *output* has gone away (`| head`). A broken pipe to anybody else, such as
/// the daemon, is not that.
#[must_use]
pub fn is_closed(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.get_ref().is_some_and(|inner| inner.is::<Closed>()))
}

/// Where everything for the user goes.
///
/// What is written stands in a buffer until [`Out::flush`], which the event loop calls after each batch, or until 64 KiB
/// have come together; on terminals and in pipes alike, so that rows appear at once and a burst costs few system calls.
/// Only [`Out::header`], [`Out::start`] and [`Out::end`] flush by themselves.
pub struct Out {
    /// `None`: nowhere, the buffer is the destination.
    to: Option<Box<dyn Write + Send>>,
    format: Format,
    style: StackStyle,
    blocks: bool,
    terminal: bool,
    clock: Clock,
    buf: Vec<u8>,
    /// Why nothing more can be written.
    ended: Option<ErrorKind>,
}

impl Out {
    /// The standard output. To be made before the first thread is started, see [`Clock::new`].
    pub fn stdout(format: Format) -> io::Result<Self> {
        // A descriptor of our own: the standard library would look for newlines in what is buffered already.
        let stdout = io::stdout();
        let file = File::from(stdout.as_fd().try_clone_to_owned()?);
        let mut out = Self::to(Box::new(file), format, Clock::new());
        out.terminal = stdout.is_terminal();
        Ok(out)
    }

    /// Any other destination.
    #[must_use]
    pub fn to(to: Box<dyn Write + Send>, format: Format, clock: Clock) -> Self {
        Self {
            to: Some(to),
            format,
            style: StackStyle::Block,
            blocks: false,
            terminal: false,
            clock,
            buf: Vec::new(),
            ended: None,
        }
    }

    /// No destination: [`Out::take`] returns what was written. For the tests of tools; the clock stands still at
    /// 2026-03-04T05:06:07Z, 100 s after boot, and local time is UTC.
    #[must_use]
    pub fn memory(format: Format) -> Self {
        let clock = Clock::with(|| Sample { monotonic: 100_000_000_000, wall: 1_772_600_767_000_000_000 }, 0);
        let mut out = Self::to(Box::new(io::sink()), format, clock);
        out.to = None;
        out
    }

    /// What has been written and not flushed to anywhere.
    pub fn take(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.buf).into_owned();
        self.buf.clear();
        text
    }

    /// The format that was chosen.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The clock that the rows use.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// How stacks look from here on; block style is the default.
    pub fn set_stack_style(&mut self, style: StackStyle) {
        self.style = style;
    }

    /// Text: a row is a block from here on, with a line for each column that has a value, and there is no header.
    pub fn set_blocks(&mut self, blocks: bool) {
        self.blocks = blocks;
    }

    /// Text: the line with the columns' names, at once, so that who sees it knows that the tool is at work. JSON: nothing.
    pub fn header(&mut self, columns: &[Column]) -> io::Result<()> {
        debug_assert!(row::keys_differ(columns), "JSON keys of {columns:?}");
        if self.format == Format::Json || self.blocks {
            return self.check();
        }
        row::header(&mut self.buf, columns);
        self.flush()
    }

    /// A row. `kind` is its `type` in JSON, such as `event` or `count`; `ts` is the event's own time, CLOCK_MONOTONIC ns,
    /// or `None` for now. `fill` makes one call on the row for each column that does not fill itself.
    pub fn row(
        &mut self,
        kind: &'static str,
        ts: Option<u64>,
        columns: &[Column],
        fill: impl FnOnce(&mut Row<'_>),
    ) -> io::Result<()> {
        self.check()?;
        let ts = match ts {
            Some(ts) => ts,
            None => self.clock.now(),
        };
        if self.format == Format::Json {
            self.begin(kind, ts);
        }
        let mut row = Row {
            buf: &mut self.buf,
            clock: &mut self.clock,
            format: self.format,
            blocks: self.blocks,
            columns,
            ts,
            at: 0,
            pad: 0,
        };
        fill(&mut row);
        row.end();
        self.spill()
    }

    /// Text: a line, escaped. JSON: nothing.
    pub fn line(&mut self, line: impl AsRef<[u8]>) -> io::Result<()> {
        if self.format == Format::Text {
            escape::text(&mut self.buf, line.as_ref());
            self.buf.push(b'\n');
        }
        self.spill()
    }

    /// Text: the local time as HH:MM:SS on a line, as the interval tools print it. JSON: nothing, each record has it.
    pub fn time_line(&mut self) -> io::Result<()> {
        if self.format == Format::Text {
            let now = self.clock.now();
            self.clock.hms(&mut self.buf, now);
            self.buf.push(b'\n');
        }
        self.spill()
    }

    /// Text on a terminal: an empty screen, as the `top` tools want it. Otherwise nothing.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.format == Format::Text && self.terminal {
            self.buf.extend_from_slice(b"\x1b[H\x1b[2J");
        }
        self.spill()
    }

    /// A histogram.
    pub fn histogram(&mut self, hist: &Hist<'_>) -> io::Result<()> {
        match self.format {
            Format::Text => hist.text(&mut self.buf),
            Format::Json => self.record("histogram", |buf| hist.json(buf)),
        }
        self.spill()
    }

    /// A stack.
    pub fn stack(&mut self, stack: &Stack<'_>) -> io::Result<()> {
        match (self.format, self.style) {
            (Format::Text, StackStyle::Block) => stack.block(&mut self.buf),
            (Format::Text, StackStyle::Folded) => stack.folded(&mut self.buf),
            (Format::Json, _) => self.record("stack", |buf| stack.json(buf)),
        }
        self.spill()
    }

    /// JSON: the first record, which says what the others mean. Text: nothing, the status line is on the standard error.
    pub fn start(&mut self, tool: &str, grant: &str, scope: &str) -> io::Result<()> {
        if self.format == Format::Json {
            self.record("start", |buf| {
                let text = |text: &'static str| Label::Text(text.as_bytes());
                hist::labels(buf, &[("tool", Label::Text(tool.as_bytes())), ("schema", Label::U64(SCHEMA.into()))]);
                hist::labels(buf, &[("version", text(env!("CARGO_PKG_VERSION")))]);
                hist::labels(
                    buf,
                    &[("grant", Label::Text(grant.as_bytes())), ("scope", Label::Text(scope.as_bytes()))],
                );
            });
        }
        self.flush()
    }

    /// JSON: the last record, which says what was lost. Text: nothing, [`closing_line`] is for the standard error.
    pub fn end(&mut self, counts: &Counts<'_>) -> io::Result<()> {
        if self.format == Format::Json {
            self.record("end", |buf| {
                let total = |count| Label::U64(count);
                hist::labels(buf, &[("matched", total(counts.matched)), ("shown", total(counts.shown))]);
                hist::labels(buf, &[("dropped", total(counts.lost()))]);
                buf.extend_from_slice(b",\"causes\":{");
                for (i, (cause, count)) in counts.dropped.iter().enumerate() {
                    if i > 0 {
                        buf.push(b',');
                    }
                    buf.push(b'"');
                    buf.extend(cause.bytes().map(|b| if b == b' ' { b'_' } else { b }));
                    buf.extend_from_slice(b"\":");
                    number(buf, *count);
                }
                buf.push(b'}');
                hist::labels(buf, &[("missed", total(counts.missed))]);
            });
        }
        self.flush()
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        let Some(to) = &mut self.to else {
            return Ok(());
        };
        let result = write_all(to, &self.buf);
        self.buf.clear();
        result.or_else(|error| {
            self.ended = Some(error.kind());
            match error.kind() {
                ErrorKind::BrokenPipe => self.check(),
                kind => Err(io::Error::new(kind, format!("cannot write the output: {error}"))),
            }
        })
    }

    /// Writes out what is buffered if it has become much.
    fn spill(&mut self) -> io::Result<()> {
        if self.buf.len() >= FULL { self.flush() } else { self.check() }
    }

    /// An error if an earlier write has failed.
    fn check(&self) -> io::Result<()> {
        match self.ended {
            None => Ok(()),
            Some(ErrorKind::BrokenPipe) => Err(io::Error::new(ErrorKind::BrokenPipe, Closed)),
            Some(kind) => Err(kind.into()),
        }
    }

    /// A JSON object that is no row, as of now.
    fn record(&mut self, kind: &'static str, members: impl FnOnce(&mut Vec<u8>)) {
        let now = self.clock.now();
        self.begin(kind, now);
        members(&mut self.buf);
        self.buf.extend_from_slice(b"}\n");
    }

    /// The members that every JSON object begins with.
    fn begin(&mut self, kind: &'static str, ts: u64) {
        self.buf.extend_from_slice(b"{\"type\":\"");
        self.buf.extend_from_slice(kind.as_bytes());
        self.buf.extend_from_slice(b"\",\"time\":\"");
        self.clock.rfc3339(&mut self.buf, ts);
        self.buf.extend_from_slice(b"\",\"ts\":");
        number(&mut self.buf, ts);
    }
}

impl Drop for Out {
    /// An error on the way out must not swallow the rows before it.
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").field("format", &self.format).field("buffered", &self.buf.len()).finish_non_exhaustive()
    }
}

/// The line that closes a run: `matched 12,345, shown 12,340, dropped 5 (ring full 5)`.
#[must_use]
pub fn closing_line(counts: &Counts<'_>) -> String {
    let [matched, shown, lost] = [counts.matched, counts.shown, counts.lost()].map(thousands);
    let causes: Vec<_> = counts
        .dropped
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{cause} {}", thousands(*count)))
        .collect();
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    let missed = match counts.missed {
        0 => String::new(),
        n => format!("; missed by the kernel, anybody's: {}", thousands(n)),
    };
    format!("matched {matched}, shown {shown}, dropped {lost}{causes}{missed}")
}

/// A number with a comma between groups of three digits.
#[must_use]
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A standard output shared with another program may have been made non-blocking by it.
fn write_all(to: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
    to.flush()
}

/// A number in decimal.
fn number(buf: &mut Vec<u8>, value: impl itoa::Integer) {
    buf.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The key of a JSON member that is not the first, and the colon.
fn member(buf: &mut Vec<u8>, key: &str, suffix: &str) {
    debug_assert!(!key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "JSON key {key:?}");
    buf.extend_from_slice(b",\"");
    buf.extend_from_slice(key.as_bytes());
    buf.extend_from_slice(suffix.as_bytes());
    buf.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests;
