//! readahead: pages that are read before they are asked for, and when they are used.

use anyhow::Result;
use cbpf_bpf::events::{cbpf_hist, cbpf_tally, readahead_what};
use cbpf_common::delta::Cumulative as _;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Hist, Label, Out};
use cbpf_common::session::Session;

use crate::cli::run::Context;
use crate::cli::tool::{self, Report};

#[derive(clap::Args)]
pub struct Tool {}

impl tool::Tool for Tool {
    const NAME: &'static str = "readahead";
    const ABOUT: &'static str = "Show how much of what is read ahead is used, and how soon";
    const NOTES: &'static str = "It counts pages that your tasks made the kernel read ahead, including the one that \
        was asked for. A page is used when your tasks read or map it; a page that is mapped, with those around it, \
        counts as used from then on. Pages that leave the cache unused are gone; the other unused ones may still be \
        used.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf readahead", "until Ctrl-C: how useful readahead is to your tasks"),
        ("cbpf readahead -d 10", "the same for 10 seconds"),
        ("cbpf readahead -- grep -r needle .", "how useful it is to one command"),
    ];

    fn plan(&self, _: &Shared, _: &mut Plan) -> Result<()> {
        Ok(())
    }
}

fn print(out: &mut Out, counters: &[(u32, cbpf_tally)], ages: &cbpf_hist) -> Result<()> {
    let pages = |what: readahead_what| counters.iter().find(|(of, _)| *of == what.0).map_or(0, |(_, tally)| tally.total);
    let (all, gone) = (pages(readahead_what::READAHEAD_ADDED), pages(readahead_what::READAHEAD_GONE));
    let unused = all.saturating_sub(ages.count());
    let title = format!("Readahead unused/total pages: {unused}/{all} ({gone} gone)");
    let labels = [("unused", Label::U64(unused)), ("pages", Label::U64(all)), ("gone", Label::U64(gone))];
    let hist = Hist { title: title.as_bytes(), labels: &labels, sum: Some(ages.total), ..Hist::log2("msecs", &ages.slots) };
    Ok(out.histogram(&hist)?)
}

impl Report for Tool {
    type State = ();

    fn report(&self, _: &Context, session: &Session, (): &mut (), out: &mut Out) -> Result<u64> {
        let counters: Vec<(u32, cbpf_tally)> = session.snapshot("counters")?;
        let ages: Vec<(u32, cbpf_hist)> = session.snapshot("ages")?;
        let ages = ages.first().map_or_else(cbpf_hist::default, |(_, ages)| *ages);
        print(out, &counters, &ages)?;
        Ok(ages.count() + counters.iter().map(|(_, tally)| tally.count()).sum::<u64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf_common::out::Format;

    #[test]
    fn what_is_not_used_yet_is_unused() {
        let pages = |total| cbpf_tally { count: 1, total, ..Default::default() };
        let mut ages = cbpf_hist { total: 70, ..Default::default() };
        (ages.slots[0], ages.slots[5]) = (10, 2);
        let show = |format| {
            let mut out = Out::memory(format);
            print(&mut out, &[(0, pages(32)), (1, pages(4))], &ages).expect("memory");
            out.take()
        };
        let text = show(Format::Text);
        assert!(text.starts_with("Readahead unused/total pages: 20/32 (4 gone)\n     msecs "), "{text}");
        assert!(text.contains("        32 -> 63         : 2 "), "{text}");
        let json = show(Format::Json);
        assert!(json.contains(r#""unit":"msecs","unused":20,"pages":32,"gone":4"#), "{json}");
        assert!(json.contains(r#""sum":70"#), "{json}");
    }
}
