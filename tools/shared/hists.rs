//! Histograms of a map, one for each key: what runqlat, biolatency, cpudist and the like print.

use anyhow::Result;
use cbpf_bpf::events::{cbpf_comm, cbpf_hist};
use cbpf_common::out::{Hist, Label, Out, until_nul};

/// What tells one histogram of a report from the others: `[("pid", U64(12)), ("comm", Text("bash"))]` becomes the line
/// `pid = 12 bash`. Empty where there is only one.
pub type Labels<'a> = Vec<(&'static str, Label<'a>)>;

/// What has a histogram of its own: each process, each thread, or by default none, and all share one.
#[derive(clap::Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// A histogram for each process
    #[arg(short = 'P', long = "pids", id = "by_process", group = "by")]
    process: bool,
    /// A histogram for each thread
    #[arg(short = 'L', long = "tids", id = "by_thread", group = "by")]
    thread: bool,
}

impl By {
    /// The knob `comm_of`, by which programs choose the key (bpf/include/hist.bpf.h).
    pub fn comm(self) -> cbpf_comm {
        match self {
            Self { process: true, .. } => cbpf_comm::CBPF_PROCESS_COMM,
            Self { thread: true, .. } => cbpf_comm::CBPF_THREAD_COMM,
            _ => cbpf_comm::CBPF_NO_COMM,
        }
    }

    /// The labels of a histogram under that key.
    pub fn labels(self, key: u32, hist: &cbpf_hist) -> Labels<'_> {
        let name = match self {
            Self { process: true, .. } => "pid",
            Self { thread: true, .. } => "tid",
            _ => return Labels::new(),
        };
        vec![(name, Label::U64(key.into())), ("comm", Label::Text(until_nul(&hist.comm)))]
    }
}

/// Prints what the keys of a map gained since the last report, the key with the most events first.
pub fn print<K>(
    out: &mut Out,
    timestamp: bool,
    unit: &str,
    mut gained: Vec<(K, cbpf_hist)>,
    labels: impl for<'a> Fn(&'a K, &'a cbpf_hist) -> Labels<'a>,
) -> Result<()> {
    out.line("")?;
    if timestamp {
        out.time_line()?;
    }
    gained.sort_by_key(|(_, hist)| std::cmp::Reverse(hist.slots.iter().sum::<u64>()));
    for (n, (key, hist)) in gained.iter().enumerate() {
        if n > 0 {
            out.line("")?;
        }
        let labels = labels(key, hist);
        let title = title(&labels);
        let sum = Some(hist.total);
        out.histogram(&Hist { title: title.as_bytes(), labels: &labels, sum, ..Hist::log2(unit, &hist.slots) })?;
    }
    Ok(())
}

/// The line above a histogram. Bytes that are not UTF-8 become U+FFFD here; JSON has them all.
fn title(labels: &Labels<'_>) -> String {
    let word = |(key, label): &(&str, Label<'_>)| {
        let value = match *label {
            Label::U64(n) => n.to_string(),
            Label::I64(n) => n.to_string(),
            Label::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Label::List(items) => items.join(" "),
            Label::None => "-".into(),
        };
        if *key == "comm" { value } else { format!("{key} = {value}") }
    };
    labels.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_common::out::Format;

    fn hist(slot: usize, count: u64) -> cbpf_hist {
        let mut hist = cbpf_hist::default();
        hist.slots[slot] = count;
        hist.total = count << slot;
        hist.comm[..4].copy_from_slice(b"bash");
        hist
    }

    #[test]
    fn the_busiest_key_comes_first_under_its_title() {
        let mut out = Out::memory(Format::Text);
        let gained = vec![(7u32, hist(1, 1)), (8, hist(0, 2))];
        print(&mut out, true, "usecs", gained, |k, h| {
            vec![("pid", Label::U64(u64::from(*k))), ("comm", Label::Text(&h.comm[..4]))]
        })
        .expect("memory");
        let text = out.take();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["", "05:06:07", "pid = 8 bash"]);
        assert!(lines[3].starts_with("     usecs "), "{text}");
        assert_eq!(lines[5..7], ["", "pid = 7 bash"]);
    }

    #[test]
    fn json_has_labels_sum_and_no_titles() {
        let mut out = Out::memory(Format::Json);
        print(&mut out, true, "usecs", vec![(7u32, hist(1, 3))], |k, _| vec![("pid", Label::U64(u64::from(*k)))])
            .expect("memory");
        let text = out.take();
        assert!(text.contains(r#""pid":7"#) && text.contains(r#""sum":6"#) && text.lines().count() == 1, "{text}");
    }
}
