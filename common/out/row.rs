//! Columns, and the one row that is being written.

use std::fmt::Display;
use std::io::{self, Write};

use super::escape::{self, Mark};
use super::time::Clock;
use super::{Format, member, number};

/// Where a value stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text, by custom.
    Left,
    /// Numbers, by custom.
    Right,
}

/// Who fills a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    /// The tool, with one call on [`Row`].
    Value,
    /// The row itself, with the local time of its event.
    Time,
    /// The row itself, with the seconds since the start, to so many decimals.
    Since(u8),
}

/// A column of the text output and the member of the JSON objects that holds the same value.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The text header.
    pub name: &'static str,
    /// The JSON key: plain letters, digits and `_`.
    pub key: &'static str,
    /// Least width in characters.
    pub width: usize,
    /// Where shorter values stand.
    pub align: Align,
    /// Whether the text output has it. JSON has every column.
    pub shown: bool,
    fill: Fill,
}

impl Column {
    /// A column of numbers.
    #[must_use]
    pub const fn right(name: &'static str, key: &'static str, width: usize) -> Self {
        Self { name, key, width, align: Align::Right, shown: true, fill: Fill::Value }
    }

    /// A column of text.
    #[must_use]
    pub const fn left(name: &'static str, key: &'static str, width: usize) -> Self {
        Self { align: Align::Left, ..Self::right(name, key, width) }
    }

    /// The column at the end of the row, as wide as its value.
    #[must_use]
    pub const fn last(name: &'static str, key: &'static str) -> Self {
        Self::left(name, key, 0)
    }

    /// Local time of the event as HH:MM:SS. It fills itself: the tool makes no call for it, and JSON has `time` anyway.
    #[must_use]
    pub const fn time(name: &'static str, width: usize) -> Self {
        Self { fill: Fill::Time, ..Self::left(name, "", width) }
    }

    /// Seconds between the start of the tool and the event. It fills itself as well, and JSON has `ts` anyway.
    #[must_use]
    pub const fn since(name: &'static str, width: usize, decimals: u8) -> Self {
        Self { fill: Fill::Since(decimals), ..Self::left(name, "", width) }
    }

    /// The same column, in the text output only if `shown`.
    #[must_use]
    pub const fn when(self, shown: bool) -> Self {
        Self { shown, ..self }
    }
}

/// A row being written: one call for each column, in the columns' order.
#[derive(Debug)]
pub struct Row<'a> {
    pub(super) buf: &'a mut Vec<u8>,
    pub(super) clock: &'a mut Clock,
    pub(super) format: Format,
    /// Text: a line for each column.
    pub(super) blocks: bool,
    pub(super) columns: &'a [Column],
    /// Monotonic, ns.
    pub(super) ts: u64,
    pub(super) at: usize,
    /// Blanks that the next cell owes to the one before it.
    pub(super) pad: usize,
}

impl Row<'_> {
    /// A number.
    pub fn u64(&mut self, value: impl Into<u64>) -> &mut Self {
        let value = value.into();
        self.cell(|buf| number(buf, value), |buf, _| number(buf, value))
    }

    /// A number that may be missing, as in [`Row::none`].
    pub fn opt_u64(&mut self, value: Option<impl Into<u64>>) -> &mut Self {
        match value {
            Some(value) => self.u64(value),
            None => self.none(),
        }
    }

    /// A number with a sign.
    pub fn i64(&mut self, value: impl Into<i64>) -> &mut Self {
        let value = value.into();
        self.cell(|buf| number(buf, value), |buf, _| number(buf, value))
    }

    /// A number in octal with at least `digits` digits. JSON, which has no octal, gets it as any number.
    pub fn oct(&mut self, value: impl Into<u64>, digits: usize) -> &mut Self {
        let value = value.into();
        self.cell(|buf| put(buf, format_args!("{value:0digits$o}")), |buf, _| number(buf, value))
    }

    /// A number with a fraction; the text is rounded to `decimals`, JSON gets it in full.
    pub fn float(&mut self, value: f64, decimals: usize) -> &mut Self {
        if !value.is_finite() {
            return self.none();
        }
        self.cell(|buf| put(buf, format_args!("{value:.decimals$}")), |buf, _| put(buf, format_args!("{value}")))
    }

    /// A time in nanoseconds, in the text as one would say it, such as `2.5 ms`; JSON gets the number.
    pub fn duration(&mut self, ns: u64) -> &mut Self {
        let (unit, name) = match ns {
            0..1_000 => return self.cell(|buf| put(buf, format_args!("{ns} ns")), |buf, _| number(buf, ns)),
            1_000..1_000_000 => (1e3, "us"),
            1_000_000..1_000_000_000 => (1e6, "ms"),
            _ => (1e9, "s"),
        };
        self.cell(|buf| put(buf, format_args!("{:.1} {name}", ns as f64 / unit)), |buf, _| number(buf, ns))
    }

    /// What has a text form, such as an address; no string of it is made first.
    pub fn display(&mut self, value: impl Display) -> &mut Self {
        self.cell(|buf| shown(buf, &value), |buf, _| json_shown(buf, &value))
    }

    /// Such things that belong together: in the text with blanks between them, in JSON an array.
    pub fn display_all<I>(&mut self, items: I) -> &mut Self
    where
        I: IntoIterator<Item: Display, IntoIter: Clone>,
    {
        let items = items.into_iter();
        let again = items.clone();
        self.cell(
            |buf| {
                let start = buf.len();
                for item in items {
                    blank(buf, start);
                    shown(buf, item);
                }
            },
            |buf, _| array(buf, again, json_shown),
        )
    }

    /// A string that is known to be whole.
    pub fn text(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        self.text_with(value, Mark::Whole)
    }

    /// A string and what is known about it. Text shows a cut one as `begin\...` and an unreadable one as `\?`; JSON adds
    /// `KEY_cut` or `KEY_fault`, and `KEY_hex` with all the bytes if they are not UTF-8.
    pub fn text_with(&mut self, value: impl AsRef<[u8]>, mark: Mark) -> &mut Self {
        self.pieces([value.as_ref()], mark)
    }

    /// The same of a string that is in pieces, such as a path: it is not put together first.
    pub fn pieces<'b, I>(&mut self, pieces: I, mark: Mark) -> &mut Self
    where
        I: IntoIterator<Item = &'b [u8], IntoIter: Clone>,
    {
        let pieces = pieces.into_iter();
        let again = pieces.clone();
        self.cell(
            |buf| {
                if mark == Mark::Fault {
                    return buf.extend_from_slice(escape::FAULT);
                }
                pieces.for_each(|piece| escape::text(buf, piece));
                if mark == Mark::Cut {
                    buf.extend_from_slice(escape::CUT);
                }
            },
            |buf, key| {
                if mark == Mark::Fault {
                    buf.extend_from_slice(b"null");
                } else if !escape::json(buf, again.clone()) {
                    member(buf, key, "_hex");
                    escape::hex(buf, again);
                }
                flag(buf, key, mark);
            },
        )
    }

    /// Strings that belong together, such as a program's arguments. Text joins them by blanks, each in double quotes if
    /// `quote`; JSON makes them an array. [`Mark::Cut`] says that the list or its last string goes on.
    pub fn list<'b, I>(&mut self, items: I, quote: bool, mark: Mark) -> &mut Self
    where
        I: IntoIterator<Item = &'b [u8], IntoIter: Clone>,
    {
        let items = items.into_iter();
        let again = items.clone();
        self.cell(
            |buf| {
                if mark == Mark::Fault {
                    return buf.extend_from_slice(escape::FAULT);
                }
                let start = buf.len();
                for item in items {
                    blank(buf, start);
                    if quote {
                        escape::quoted(buf, item);
                    } else {
                        escape::text(buf, item);
                    }
                }
                if mark == Mark::Cut {
                    blank(buf, start);
                    buf.extend_from_slice(escape::CUT);
                }
            },
            |buf, key| {
                if mark == Mark::Fault {
                    buf.extend_from_slice(b"null");
                } else {
                    let mut faithful = true;
                    array(buf, again.clone(), |buf, item| {
                        faithful &= escape::json(buf, [item]);
                    });
                    if !faithful {
                        member(buf, key, "_hex");
                        array(buf, again, |buf, item| escape::hex(buf, [item]));
                    }
                }
                flag(buf, key, mark);
            },
        )
    }

    /// What the viewer does not own, or what does not exist: `-`, in JSON null, in a block no line.
    pub fn none(&mut self) -> &mut Self {
        if self.blocks && self.format == Format::Text {
            self.stamps();
            self.at += 1;
            return self;
        }
        self.cell(|buf| buf.push(b'-'), |buf, _| buf.extend_from_slice(b"null"))
    }

    fn cell(&mut self, text: impl FnOnce(&mut Vec<u8>), json: impl FnOnce(&mut Vec<u8>, &str)) -> &mut Self {
        self.stamps();
        let Some(column) = self.columns.get(self.at) else {
            debug_assert!(false, "more values than columns");
            return self;
        };
        self.at += 1;
        match self.format {
            Format::Json => {
                member(self.buf, column.key, "");
                json(self.buf, column.key);
            }
            Format::Text if column.shown && self.blocks => line(self.buf, column, text),
            Format::Text if column.shown => place(self.buf, &mut self.pad, column, text),
            Format::Text => {}
        }
        self
    }

    /// Fills the columns that fill themselves, up to the next one that does not.
    fn stamps(&mut self) {
        while let Some(column) = self.columns.get(self.at)
            && column.fill != Fill::Value
        {
            self.at += 1;
            if self.format == Format::Text && column.shown {
                let value = |buf: &mut Vec<u8>| match column.fill {
                    Fill::Since(decimals) => self.clock.since(buf, self.ts, decimals),
                    _ => self.clock.hms(buf, self.ts),
                };
                if self.blocks {
                    line(self.buf, column, value);
                } else {
                    place(self.buf, &mut self.pad, column, value);
                }
            }
        }
    }

    pub(super) fn end(&mut self) {
        self.stamps();
        debug_assert_eq!(self.at, self.columns.len(), "fewer values than columns");
        self.buf.extend_from_slice(if self.format == Format::Json { b"}\n" } else { b"\n" });
    }
}

/// Whether no two members of a JSON row would have the same key.
pub(super) fn keys_differ(columns: &[Column]) -> bool {
    let mut keys = vec!["type", "time", "ts"];
    keys.extend(columns.iter().filter(|column| column.fill == Fill::Value).map(|column| column.key));
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    keys.len() == all
}

/// Writes the names of the columns that are shown.
pub(super) fn header(buf: &mut Vec<u8>, columns: &[Column]) {
    let mut pad = 0;
    for column in columns.iter().filter(|column| column.shown) {
        place(buf, &mut pad, column, |buf| {
            buf.extend_from_slice(column.name.as_bytes());
        });
    }
    buf.push(b'\n');
}

/// Writes a line of a block.
fn line(buf: &mut Vec<u8>, column: &Column, value: impl FnOnce(&mut Vec<u8>)) {
    buf.extend_from_slice(column.name.as_bytes());
    buf.extend_from_slice(b": ");
    value(buf);
    buf.push(b'\n');
}

/// Writes a cell. Blanks behind a value are left to the cell after it, so that no row ends in blanks; a value wider than
/// its column pushes the rest to the right.
fn place(buf: &mut Vec<u8>, pad: &mut usize, column: &Column, value: impl FnOnce(&mut Vec<u8>)) {
    buf.resize(buf.len() + *pad, b' ');
    let start = buf.len();
    value(buf);
    // Continuation bytes of UTF-8 take no place of their own.
    let width = buf[start..].iter().filter(|&&b| b & 0xc0 != 0x80).count();
    let missing = column.width.saturating_sub(width);
    *pad = 1;
    match column.align {
        Align::Left => *pad += missing,
        Align::Right if missing > 0 => {
            let end = buf.len();
            buf.resize(end + missing, b' ');
            buf.copy_within(start..end, start + missing);
            buf[start..start + missing].fill(b' ');
        }
        Align::Right => {}
    }
}

/// A blank between the items of a list.
fn blank(buf: &mut Vec<u8>, start: usize) {
    if buf.len() > start {
        buf.push(b' ');
    }
}

fn flag(buf: &mut Vec<u8>, key: &str, mark: Mark) {
    let suffix = match mark {
        Mark::Whole => return,
        Mark::Cut => "_cut",
        Mark::Fault => "_fault",
    };
    member(buf, key, suffix);
    buf.extend_from_slice(b"true");
}

/// A JSON array.
pub(super) fn array<T>(buf: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Vec<u8>, T)) {
    buf.push(b'[');
    for (i, value) in items.into_iter().enumerate() {
        if i > 0 {
            buf.push(b',');
        }
        item(buf, value);
    }
    buf.push(b']');
}

/// Escapes what is written to it, by the function that it holds. A formatter writes whole characters.
struct Escaped<'a, R>(&'a mut Vec<u8>, fn(&mut Vec<u8>, &[u8]) -> R);

impl<R> Write for Escaped<'_, R> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        (self.1)(self.0, part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put(buf: &mut impl Write, args: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = buf.write_fmt(args);
}

/// The text form of a value, escaped.
fn shown(buf: &mut Vec<u8>, value: impl Display) {
    put(&mut Escaped(buf, escape::text), format_args!("{value}"));
}

/// The same as a JSON string.
fn json_shown(buf: &mut Vec<u8>, value: impl Display) {
    buf.push(b'"');
    put(&mut Escaped(buf, escape::json_part), format_args!("{value}"));
    buf.push(b'"');
}
