//! The promises about rows and records, through the public interface.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;

const TS: u64 = 100_500_000_000;

const OPEN: [Column; 5] = [
    Column::time("TIME", 8),
    Column::right("PID", "pid", 7),
    Column::left("COMM", "comm", 16),
    Column::right("FD", "fd", 3),
    Column::last("PATH", "path"),
];

fn open_row(out: &mut Out, columns: &[Column], pid: u64, comm: &str, path: &[u8], mark: Mark) {
    out.row("event", Some(TS), columns, |row| {
        row.u64(pid).text(comm).i64(-2).text_with(path, mark);
    })
    .unwrap();
}

fn text_row(columns: &[Column], fill: impl FnOnce(&mut Row<'_>)) -> String {
    let mut out = Out::memory(Format::Text);
    out.row("event", Some(TS), columns, fill).unwrap();
    out.take()
}

fn json_row(columns: &[Column], fill: impl FnOnce(&mut Row<'_>)) -> Value {
    let mut out = Out::memory(Format::Json);
    out.row("event", Some(TS), columns, fill).unwrap();
    let line = out.take();
    assert_eq!(line.find('\n'), Some(line.len() - 1), "one line: {line}");
    serde_json::from_str(&line).unwrap()
}

/// A destination that remembers each write, and takes so many of them before the reader goes away.
#[derive(Clone, Default)]
struct Pipe {
    writes: Arc<Mutex<Vec<usize>>>,
    fails: Option<(usize, ErrorKind)>,
}

impl Pipe {
    fn out(&self, format: Format) -> Out {
        Out::to(Box::new(self.clone()), format, Clock::with(|| Sample { monotonic: 1, wall: 1 }, 0))
    }
    fn writes(&self) -> Vec<usize> {
        self.writes.lock().unwrap().clone()
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut writes = self.writes.lock().unwrap();
        match self.fails {
            Some((after, kind)) if writes.len() >= after => {
                if kind == ErrorKind::WouldBlock {
                    self.fails = None;
                }
                Err(kind.into())
            }
            _ => {
                writes.push(bytes.len());
                Ok(bytes.len())
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn text_forms_are_escaped_as_strings_are() {
    let columns = [Column::left("A", "a", 9), Column::last("B", "b")];
    let parts = ("a\n", '\u{202e}', "\"é\x1b");
    let whole = format!("{}{}{}", parts.0, parts.1, parts.2);
    let forms = |row: &mut Row<'_>| _ = row.display(format_args!("{}{}{}", parts.0, parts.1, parts.2)).display(7);
    let strings = |row: &mut Row<'_>| _ = row.text(&whole).text("7");
    assert_eq!(text_row(&columns, forms), text_row(&columns, strings));
    assert_eq!(json_row(&columns, forms), json_row(&columns, strings));
}

#[test]
fn columns_line_up_under_their_header() {
    let mut out = Out::memory(Format::Text);
    out.header(&OPEN).unwrap();
    open_row(&mut out, &OPEN, 1234, "bash", b"/etc/passwd", Mark::Whole);
    open_row(&mut out, &OPEN, 7, "größer", "/etc/größe".as_bytes(), Mark::Whole);
    assert_eq!(
        out.take(),
        "TIME         PID COMM              FD PATH\n\
         05:06:07    1234 bash              -2 /etc/passwd\n\
         05:06:07       7 größer            -2 /etc/größe\n"
    );
}

#[test]
fn a_value_wider_than_its_column_pushes_the_rest_and_keeps_one_blank() {
    let columns = [Column::right("A", "a", 2), Column::left("B", "b", 2), Column::right("C", "c", 2)];
    let row = text_row(&columns, |row| {
        row.u64(12345u64).text("long name").u64(7u64);
    });
    assert_eq!(row, "12345 long name  7\n");
}

#[test]
fn a_hidden_column_is_in_json_only() {
    let columns =
        [Column::right("UID", "uid", 5).when(false), Column::time("TIME", 8).when(false), Column::last("A", "a")];
    let fill = |row: &mut Row<'_>| {
        row.u64(1000u32).text("x");
    };
    let mut out = Out::memory(Format::Text);
    out.header(&columns).unwrap();
    assert_eq!(out.take(), "A\n");
    assert_eq!(text_row(&columns, fill), "x\n");
    assert_eq!(json_row(&columns, fill)["uid"], 1000);
}

#[test]
fn no_row_ends_in_blanks() {
    let columns = [Column::left("A", "a", 8), Column::left("B", "b", 8)];
    assert_eq!(text_row(&columns, |row| _ = row.text("x").text("y")), "x        y\n");
}

#[test]
fn time_columns_fill_themselves_with_the_time_of_the_event() {
    let columns =
        [Column::time("TIME", 8), Column::since("TIME(s)", 8, 3), Column::right("N", "n", 1), Column::time("AT", 8)];
    assert_eq!(text_row(&columns, |row| _ = row.u64(1u8)), "05:06:07 0.500    1 05:06:07\n");
    let value = json_row(&columns, |row| _ = row.u64(1u8));
    assert_eq!(value, json!({"type": "event", "time": "2026-03-04T05:06:07.500000000Z", "ts": TS, "n": 1}));
}

#[test]
fn a_row_without_a_time_of_its_own_has_the_present_one() {
    let mut out = Out::memory(Format::Json);
    out.row("count", None, &[Column::right("N", "n", 1)], |row| {
        _ = row.u64(1u8);
    })
    .unwrap();
    assert_eq!(
        out.take(),
        "{\"type\":\"count\",\"time\":\"2026-03-04T05:06:07.000000000Z\",\"ts\":100000000000,\"n\":1}\n"
    );
}

#[test]
fn every_kind_of_value_has_its_text_and_its_json() {
    let columns = [
        Column::right("A", "a", 1),
        Column::right("B", "b", 1),
        Column::right("C", "c", 1),
        Column::right("D", "d", 1),
        Column::right("E", "e", 1),
        Column::right("F", "f", 3),
        Column::right("G", "g", 1),
        Column::right("H", "h", 1),
    ];
    let fill = |row: &mut Row<'_>| {
        row.u64(u64::MAX).i64(i64::MIN).oct(0o644u32, 8).float(1.23456, 2).float(f64::NAN, 2).none();
        row.opt_u64(Some(5u32)).opt_u64(None::<u32>);
    };
    assert_eq!(text_row(&columns, fill), "18446744073709551615 -9223372036854775808 00000644 1.23 -   - 5 -\n");
    let mut value = json_row(&columns, fill);
    value.as_object_mut().unwrap().retain(|key, _| key.len() == 1);
    let expected =
        json!({"a": u64::MAX, "b": i64::MIN, "c": 0o644, "d": 1.23456, "e": null, "f": null, "g": 5, "h": null});
    assert_eq!(value, expected);
}

#[test]
fn a_string_that_was_cut_or_not_read_cannot_be_mistaken_for_a_whole_one() {
    let columns = [Column::last("PATH", "path")];
    let text = |value: &[u8], mark| text_row(&columns, |row| _ = row.text_with(value, mark));
    assert_eq!(text(b"/a/b", Mark::Cut), "/a/b\\...\n");
    assert_eq!(text(br"/a/b\...", Mark::Whole), "/a/b\\\\...\n");
    assert_eq!(text(b"garbage", Mark::Fault), "\\?\n");
    assert_eq!(text(br"\?", Mark::Whole), "\\\\?\n");

    let json = |value: &[u8], mark| {
        let mut value = json_row(&columns, |row| _ = row.text_with(value, mark));
        value.as_object_mut().unwrap().retain(|key, _| key.starts_with("path"));
        value
    };
    assert_eq!(json(b"/a", Mark::Whole), json!({"path": "/a"}));
    assert_eq!(json(b"/a", Mark::Cut), json!({"path": "/a", "path_cut": true}));
    assert_eq!(json(b"garbage", Mark::Fault), json!({"path": null, "path_fault": true}));
    assert_eq!(json(b"/\xff\n", Mark::Cut), json!({"path": "/\u{fffd}\n", "path_hex": "2fff0a", "path_cut": true}));
}

#[test]
fn a_list_is_joined_or_quoted_in_text_and_an_array_in_json() {
    let columns = [Column::last("ARGS", "args")];
    let text = |items: &[&[u8]], quote, mark| {
        let row = text_row(&columns, |row| {
            _ = row.list(items.iter().copied(), quote, mark);
        });
        row.trim_end_matches('\n').to_owned()
    };
    let args: [&[u8]; 3] = [b"/bin/true", b"a b", b"q\"c\\d\n"];
    assert_eq!(text(&args, false, Mark::Whole), r#"/bin/true a b q"c\\d\n"#);
    assert_eq!(text(&args, true, Mark::Whole), r#""/bin/true" "a b" "q\"c\\d\n""#);
    assert_eq!(text(&args[..2], true, Mark::Cut), r#""/bin/true" "a b" \..."#);
    assert_eq!(text(&[], false, Mark::Cut), r"\...");
    assert_eq!(text(&args, true, Mark::Fault), r"\?");

    let json = |items: &[&[u8]], mark| {
        let mut value = json_row(&columns, |row| {
            _ = row.list(items.iter().copied(), true, mark);
        });
        value.as_object_mut().unwrap().retain(|key, _| key.starts_with("args"));
        value
    };
    assert_eq!(json(&args, Mark::Whole), json!({"args": ["/bin/true", "a b", "q\"c\\d\n"]}));
    assert_eq!(
        json(&[b"a", b"\xff"], Mark::Cut),
        json!({"args": ["a", "\u{fffd}"], "args_hex": ["61", "ff"], "args_cut": true})
    );
    assert_eq!(json(&[], Mark::Whole), json!({"args": []}));
    assert_eq!(json(&[], Mark::Fault), json!({"args": null, "args_fault": true}));
    // As an event holds them: one after the other, each with its NUL.
    assert_eq!(text_row(&columns, |row| _ = row.list(b"ls\0-l".split(|&b| b == 0), false, Mark::Whole)), "ls -l\n");
}

#[test]
fn a_hostile_name_stays_in_its_row() {
    let mut text = Out::memory(Format::Text);
    let mut json = Out::memory(Format::Json);
    for pair in 0..=u16::MAX {
        let mut name = b"/tmp/x".to_vec();
        name.extend(pair.to_be_bytes());
        let fill = |row: &mut Row<'_>| {
            row.u64(1u8).text(&name).i64(3).text(&name);
        };
        text.row("event", Some(TS), &OPEN, fill).unwrap();
        let row = text.take();
        assert_eq!(row.find('\n'), Some(row.len() - 1), "{row:?}");
        assert!(!row.trim_end_matches('\n').contains(char::is_control), "{row:?}");
        json.row("event", Some(TS), &OPEN, fill).unwrap();
        let value: Value = serde_json::from_str(&json.take()).unwrap();
        assert_eq!(value["path"], String::from_utf8_lossy(&name).as_ref());
        let bytes: Vec<u8> = match &value["path_hex"] {
            Value::String(hex) => {
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
            }
            _ => value["path"].as_str().unwrap().into(),
        };
        assert_eq!(bytes, name);
    }
}

#[test]
#[should_panic(expected = "fewer values than columns")]
#[cfg(debug_assertions)]
fn a_row_that_misses_a_column_is_caught() {
    text_row(&OPEN, |row| _ = row.u64(1u8));
}

#[test]
#[should_panic(expected = "more values than columns")]
#[cfg(debug_assertions)]
fn a_row_that_has_a_value_too_many_is_caught() {
    text_row(&OPEN[..2], |row| _ = row.u64(1u8).u64(2u8));
}

#[test]
#[should_panic(expected = "JSON keys")]
#[cfg(debug_assertions)]
fn a_key_used_twice_is_caught() {
    let columns = [Column::right("A", "a", 1), Column::last("TIME", "time")];
    let _ = Out::memory(Format::Json).header(&columns);
}

#[test]
fn rows_wait_for_the_flush_and_a_burst_is_written_in_large_pieces() {
    let pipe = Pipe::default();
    let mut out = pipe.out(Format::Text);
    let columns = [Column::last("A", "a")];
    out.header(&columns).unwrap();
    assert_eq!(pipe.writes(), [2], "the header appears at once");
    out.row("event", Some(1), &columns, |row| _ = row.text("x")).unwrap();
    assert_eq!(pipe.writes(), [2]);
    out.flush().unwrap();
    assert_eq!(pipe.writes(), [2, 2]);
    out.flush().unwrap();
    assert_eq!(pipe.writes(), [2, 2], "nothing to write, no system call");
    for _ in 0..3 * FULL / 100 {
        out.row("event", Some(1), &columns, |row| _ = row.text([b'y'; 99])).unwrap();
    }
    assert_eq!(pipe.writes().len(), 4);
    assert!(pipe.writes()[2..].iter().all(|&n| (FULL..FULL + 100).contains(&n)), "{:?}", pipe.writes());
    drop(out);
    assert_eq!(pipe.writes().len(), 5, "the rest comes when the output is dropped");
}

#[test]
fn a_reader_that_has_gone_away_is_told_from_a_failure() {
    let columns = [Column::last("A", "a")];
    let fails = |kind| {
        let pipe = Pipe { fails: Some((1, kind)), ..Pipe::default() };
        let mut out = pipe.out(Format::Text);
        out.header(&columns).unwrap();
        out.row("event", Some(1), &columns, |row| _ = row.text("x")).unwrap();
        let first = anyhow::Error::from(out.flush().unwrap_err()).context("writing");
        let second = out.row("event", Some(1), &columns, |row| _ = row.text("x")).unwrap_err();
        drop(out);
        assert_eq!(pipe.writes(), [2]);
        (is_closed(&first), is_closed(&second.into()))
    };
    assert_eq!(fails(ErrorKind::BrokenPipe), (true, true));
    assert_eq!(fails(ErrorKind::StorageFull), (false, false));
    let other_pipe = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe));
    assert!(!is_closed(&other_pipe), "a broken pipe that is not the output");
}

#[test]
fn an_output_that_does_not_block_loses_nothing() {
    let pipe = Pipe { fails: Some((0, ErrorKind::WouldBlock)), ..Pipe::default() };
    let mut out = pipe.out(Format::Text);
    out.line("abc").unwrap();
    out.flush().unwrap();
    assert_eq!(pipe.writes(), [4]);
}

#[test]
fn json_begins_with_start_and_ends_with_the_losses() {
    let counts = Counts { matched: 12, shown: 7, dropped: &[("ring full", 5), ("map full", 0)], missed: 0 };
    let mut out = Out::memory(Format::Json);
    out.start("opensnoop", "token", "container").unwrap();
    out.header(&OPEN).unwrap();
    out.line("text only").unwrap();
    out.time_line().unwrap();
    out.end(&counts).unwrap();
    let records: Vec<Value> = out.take().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (time, ts) = ("2026-03-04T05:06:07.000000000Z", 100_000_000_000u64);
    assert_eq!(
        records,
        [
            json!({"type": "start", "time": time, "ts": ts, "tool": "opensnoop", "schema": SCHEMA,
                "version": env!("CARGO_PKG_VERSION"), "grant": "token", "scope": "container"}),
            json!({"type": "end", "time": time, "ts": ts, "matched": 12, "shown": 7, "dropped": 5,
                "causes": {"ring_full": 5, "map_full": 0}, "missed": 0}),
        ]
    );
    let mut out = Out::memory(Format::Text);
    out.start("opensnoop", "token", "container").unwrap();
    out.end(&counts).unwrap();
    assert_eq!(out.take(), "");
}

#[test]
fn histograms_and_stacks_are_records_with_a_time() {
    let mut out = Out::memory(Format::Json);
    out.histogram(&Hist::log2("usecs", &[1, 0])).unwrap();
    out.stack(&Stack { kernel: Some(&["schedule"]), user: Some(&[]), value: 3, unit: "us", ..Stack::default() })
        .unwrap();
    let start = "{\"type\":\"histogram\",\"time\":\"2026-03-04T05:06:07.000000000Z\",\"ts\":100000000000,";
    let text = out.take();
    assert!(
        text.starts_with(&format!(
            "{start}\"unit\":\"usecs\",\"buckets\":[{{\"lo\":0,\"hi\":1,\"count\":1}}],\"total\":1}}\n"
        )),
        "{text}"
    );
    let stack: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&stack["type"], &stack["kernel"][0], &stack["pid"]),
        (&json!("stack"), &json!("schedule"), &Value::Null)
    );
}

#[test]
fn interval_tools_print_the_time_and_lines_that_cannot_forge_others() {
    let mut out = Out::memory(Format::Text);
    out.time_line().unwrap();
    out.line("").unwrap();
    out.line("runqocc: 1\n2\x1b").unwrap();
    out.clear().unwrap();
    assert_eq!(out.take(), "05:06:07\n\nrunqocc: 1\\n2\\e\n");
}

#[test]
fn folded_stacks_are_a_matter_of_style() {
    let mut out = Out::memory(Format::Text);
    out.set_stack_style(StackStyle::Folded);
    out.stack(&Stack { kernel: Some(&["a", "b"]), user: Some(&[]), comm: Some(b"sh"), value: 1, ..Stack::default() })
        .unwrap();
    assert_eq!(out.take(), "sh;b;a 1\n");
}

#[test]
fn the_closing_line_names_the_causes_that_did_harm() {
    let dropped: &[(&'static str, u64)] = &[("ring full", 5), ("map full", 0)];
    let counts = Counts { matched: 12_345, shown: 12_340, dropped, missed: 0 };
    assert_eq!(closing_line(&counts), "matched 12,345, shown 12,340, dropped 5 (ring full 5)");
    assert_eq!(
        closing_line(&Counts { matched: 3, shown: 3, dropped: &dropped[1..], missed: 0 }),
        "matched 3, shown 3, dropped 0"
    );
    assert_eq!(
        closing_line(&Counts {
            matched: 1_000_006,
            shown: 1,
            dropped: &[("ring full", 5), ("rate cap", 1_000_000)],
            missed: 0
        }),
        "matched 1,000,006, shown 1, dropped 1,000,005 (ring full 5, rate cap 1,000,000)"
    );
    assert_eq!([0, 999, 1000, u64::MAX].map(thousands), ["0", "999", "1,000", "18,446,744,073,709,551,615"]);
}
