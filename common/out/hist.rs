//! Histograms, laid out as people know them from bcc: they compare and script them.

use std::io::Write;

use super::{escape, member, number, row};

/// What a slot of a histogram stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Slot n counts the values from 2^n up to below 2^(n+1), slot 0 also the zeros.
    Log2,
    /// Slot n counts the values from `base + n * step` up to below `base + (n + 1) * step`.
    Linear {
        /// Lowest value of slot 0.
        base: u64,
        /// Values in a slot.
        step: u64,
    },
}

/// Something that tells one histogram or stack from the others of its kind.
#[derive(Clone, Copy, Debug)]
pub enum Label<'a> {
    /// A number.
    U64(u64),
    /// A number with a sign.
    I64(i64),
    /// A string, of whatever bytes.
    Text(&'a [u8]),
    /// Strings, such as the frames of a stack.
    List(&'a [&'a str]),
    /// What the viewer does not own.
    None,
}

/// A histogram to be printed.
#[derive(Clone, Copy, Debug)]
pub struct Hist<'a> {
    /// What is measured: `usecs`, `Kbytes`, `runqlen`.
    pub unit: &'a str,
    /// The counts. Whatever is too large for the last slot is in the last slot.
    pub slots: &'a [u64],
    /// What they stand for.
    pub scale: Scale,
    /// A line before it in the text output, such as `pid = 12 bash`; it is escaped here. Empty: no line.
    pub title: &'a [u8],
    /// The same for JSON.
    pub labels: &'a [(&'static str, Label<'a>)],
    /// The sum of all values, in the unit, where it is known.
    pub sum: Option<u64>,
}

impl<'a> Hist<'a> {
    /// A log2 histogram without labels.
    #[must_use]
    pub const fn log2(unit: &'a str, slots: &'a [u64]) -> Self {
        Self { unit, slots, scale: Scale::Log2, title: b"", labels: &[], sum: None }
    }

    /// A linear histogram without labels.
    #[must_use]
    pub const fn linear(unit: &'a str, slots: &'a [u64], base: u64, step: u64) -> Self {
        Self { scale: Scale::Linear { base, step }, ..Self::log2(unit, slots) }
    }

    /// The slots in use: their first and last index.
    fn range(&self) -> Option<(usize, usize)> {
        let used = |&count: &u64| count > 0;
        Some((self.slots.iter().position(used)?, self.slots.iter().rposition(used)?))
    }

    /// The lowest and highest value of a slot.
    fn bounds(&self, slot: usize) -> (u64, u64) {
        match self.scale {
            Scale::Log2 => {
                let low = 1u64.checked_shl(slot as u32).unwrap_or(u64::MAX);
                (if slot == 0 { 0 } else { low }, low | (low - 1))
            }
            Scale::Linear { base, step } => {
                let low = base.saturating_add(step.saturating_mul(slot as u64));
                (low, low.saturating_add(step.saturating_sub(1)))
            }
        }
    }

    /// The text: nothing but the title if all slots are empty, and no rows above the highest one in use.
    pub(super) fn text(&self, buf: &mut Vec<u8>) {
        if !self.title.is_empty() {
            escape::text(buf, self.title);
            buf.push(b'\n');
        }
        let Some((first, last)) = self.range() else {
            return;
        };
        let most = self.slots.iter().copied().max().unwrap_or(0);
        let mut unit = Vec::new();
        escape::text(&mut unit, self.unit.as_bytes());
        let unit = String::from_utf8_lossy(&unit);
        // Writing to a vector cannot fail.
        let _ = match self.scale {
            // Up to 2^33-1 the narrow form has room.
            Scale::Log2 if last <= 32 => writeln!(buf, "     {unit:<19} : count    distribution"),
            Scale::Log2 => writeln!(buf, "{:15}{unit:<29} : count    distribution", ""),
            Scale::Linear { .. } => writeln!(buf, "     {unit:<13} : count     distribution"),
        };
        let (first, width, stars) = match self.scale {
            Scale::Log2 if last <= 32 => (0, 10, 40),
            Scale::Log2 => (0, 20, 20),
            Scale::Linear { .. } => (first, 10, 40),
        };
        for slot in first..=last {
            let count = self.slots[slot];
            let (low, high) = self.bounds(slot);
            let _ = match self.scale {
                Scale::Log2 => write!(buf, "{low:>width$} -> {high:<width$} : {count:<8} |"),
                Scale::Linear { .. } if count == 0 => continue,
                Scale::Linear { .. } => write!(buf, "        {low:<width$} : {count:<8} |"),
            };
            let filled = (u128::from(count) * stars as u128 / u128::from(most)) as usize;
            buf.resize(buf.len() + filled, b'*');
            buf.resize(buf.len() + stars - filled, b' ');
            buf.extend_from_slice(b"|\n");
        }
    }

    /// The members of the JSON object behind those that all records have. The last slot has no upper bound: it also holds
    /// whatever was too large for it.
    pub(super) fn json(&self, buf: &mut Vec<u8>) {
        member(buf, "unit", "");
        escape::json(buf, [self.unit.as_bytes()]);
        labels(buf, self.labels);
        member(buf, "buckets", "");
        let slots = self.range().map_or(0..0, |(first, last)| match self.scale {
            Scale::Log2 => 0..last + 1,
            Scale::Linear { .. } => first..last + 1,
        });
        row::array(buf, slots, |buf, slot| {
            let (low, high) = self.bounds(slot);
            buf.extend_from_slice(b"{\"lo\":");
            number(buf, low);
            buf.extend_from_slice(b",\"hi\":");
            if slot + 1 == self.slots.len() {
                buf.extend_from_slice(b"null");
            } else {
                number(buf, high);
            }
            member(buf, "count", "");
            number(buf, self.slots[slot]);
            buf.push(b'}');
        });
        member(buf, "total", "");
        number(buf, self.slots.iter().fold(0, |sum: u64, &count| sum.saturating_add(count)));
        if let Some(sum) = self.sum {
            member(buf, "sum", "");
            number(buf, sum);
        }
    }
}

/// Labels as members of a JSON object.
pub(super) fn labels(buf: &mut Vec<u8>, labels: &[(&'static str, Label<'_>)]) {
    for (key, label) in labels {
        member(buf, key, "");
        match *label {
            Label::U64(value) => number(buf, value),
            Label::I64(value) => number(buf, value),
            Label::Text(value) => {
                if !escape::json(buf, [value]) {
                    member(buf, key, "_hex");
                    escape::hex(buf, [value]);
                }
            }
            Label::List(items) => row::array(buf, items, |buf, item| {
                escape::json(buf, [item.as_bytes()]);
            }),
            Label::None => buf.extend_from_slice(b"null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(hist: &Hist<'_>) -> String {
        let mut buf = Vec::new();
        hist.text(&mut buf);
        String::from_utf8(buf).unwrap()
    }

    fn json(hist: &Hist<'_>) -> serde_json::Value {
        let mut buf = b"{\"type\":\"histogram\"".to_vec();
        hist.json(&mut buf);
        buf.push(b'}');
        serde_json::from_slice(&buf).unwrap()
    }

    // The expected texts of the next four tests are what libbpf-tools 0.26 prints for the same counts.

    #[test]
    fn a_log2_histogram_looks_as_in_bcc() {
        assert_eq!(
            text(&Hist::log2("usecs", &[213, 135, 209, 180, 107, 19, 5, 1, 2, 0, 0])),
            "     usecs               : count    distribution\n\
             \x20        0 -> 1          : 213      |****************************************|\n\
             \x20        2 -> 3          : 135      |*************************               |\n\
             \x20        4 -> 7          : 209      |*************************************** |\n\
             \x20        8 -> 15         : 180      |*********************************       |\n\
             \x20       16 -> 31         : 107      |********************                    |\n\
             \x20       32 -> 63         : 19       |***                                     |\n\
             \x20       64 -> 127        : 5        |                                        |\n\
             \x20      128 -> 255        : 1        |                                        |\n\
             \x20      256 -> 511        : 2        |                                        |\n"
        );
    }

    #[test]
    fn a_log2_histogram_of_33_slots_is_still_narrow() {
        let mut slots = [0; 36];
        (slots[0], slots[4], slots[32]) = (1, 3, 2);
        let out = text(&Hist::log2("usecs", &slots));
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines.len(), 34);
        assert_eq!(lines[0], "     usecs               : count    distribution");
        assert_eq!(lines[1], "         0 -> 1          : 1        |*************                           |");
        assert_eq!(lines[5], "        16 -> 31         : 3        |****************************************|");
        assert_eq!(lines[32], "2147483648 -> 4294967295 : 0        |                                        |");
        assert_eq!(lines[33], "4294967296 -> 8589934591 : 2        |**************************              |");
    }

    #[test]
    fn a_log2_histogram_of_more_slots_has_wide_columns_and_half_the_stars() {
        let mut slots = [0; 36];
        (slots[1], slots[2], slots[3], slots[35]) = (20, 1, 40, 41);
        let out = text(&Hist::log2("usecs", &slots));
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines.len(), 37);
        assert_eq!(lines[0], "               usecs                         : count    distribution");
        assert_eq!(lines[1], "                   0 -> 1                    : 0        |                    |");
        assert_eq!(lines[2], "                   2 -> 3                    : 20       |*********           |");
        assert_eq!(lines[4], "                   8 -> 15                   : 40       |******************* |");
        assert_eq!(lines[36], "         34359738368 -> 68719476735          : 41       |********************|");
        slots = [0; 36];
        (slots[0], slots[4], slots[33]) = (1, 3, 2);
        let out = text(&Hist::log2("usecs", &slots));
        assert_eq!(
            out.lines().last(),
            Some("          8589934592 -> 17179869183          : 2        |*************       |")
        );
    }

    #[test]
    fn a_linear_histogram_looks_as_in_bcc_and_leaves_out_empty_rows() {
        let mut slots = [0; 32];
        (slots[2], slots[4], slots[9]) = (5, 3, 40);
        assert_eq!(
            text(&Hist::linear("runqlen", &slots, 0, 1)),
            "     runqlen       : count     distribution\n\
             \x20       2          : 5        |*****                                   |\n\
             \x20       4          : 3        |***                                     |\n\
             \x20       9          : 40       |****************************************|\n"
        );
        let shifted = text(&Hist::linear("MHZ", &slots, 1000, 200));
        assert!(shifted.contains("        1400       : 5        |"), "{shifted}");
    }

    #[test]
    fn counts_beyond_32_bits_are_right_where_bcc_overflows() {
        let out = text(&Hist::log2("usecs", &[u64::MAX, u64::MAX / 2, 0]));
        assert_eq!(
            out.lines().skip(1).collect::<Vec<_>>(),
            [
                "         0 -> 1          : 18446744073709551615 |****************************************|",
                "         2 -> 3          : 9223372036854775807 |*******************                     |",
            ]
        );
        assert_eq!(json(&Hist::log2("usecs", &[u64::MAX, 2, 0]))["total"], u64::MAX);
    }

    #[test]
    fn an_empty_histogram_prints_nothing_but_its_title() {
        assert_eq!(text(&Hist::log2("usecs", &[0; 26])), "");
        assert_eq!(text(&Hist::log2("usecs", &[])), "");
        assert_eq!(text(&Hist { title: b"cpu = 1", ..Hist::linear("runqlen", &[0; 4], 0, 1) }), "cpu = 1\n");
        let empty = json(&Hist::log2("usecs", &[0; 26]));
        assert_eq!((&empty["buckets"], &empty["total"]), (&serde_json::json!([]), &serde_json::json!(0)));
    }

    #[test]
    fn a_title_cannot_forge_a_row() {
        let hist = Hist { title: b"pid = 1 a\n\x1b[2J\xff", ..Hist::log2("usecs", &[1]) };
        assert!(text(&hist).starts_with("pid = 1 a\\n\\e[2J\\xff\n     usecs"));
    }

    #[test]
    fn a_json_histogram_has_the_bounds_of_every_bucket_and_the_last_slot_is_open() {
        let hist = Hist {
            labels: &[("pid", Label::U64(7)), ("comm", Label::Text(b"a\xff")), ("disk", Label::None)],
            sum: Some(12),
            ..Hist::log2("usecs", &[3, 0, 1])
        };
        assert_eq!(
            json(&hist),
            serde_json::json!({
                "type": "histogram", "unit": "usecs", "pid": 7, "comm": "a\u{fffd}", "comm_hex": "61ff", "disk": null,
                "buckets": [
                    {"lo": 0, "hi": 1, "count": 3}, {"lo": 2, "hi": 3, "count": 0}, {"lo": 4, "hi": null, "count": 1}
                ],
                "total": 4, "sum": 12
            })
        );
        assert_eq!(
            json(&Hist::linear("MHZ", &[0, 5, 0, 1, 0], 1000, 200))["buckets"],
            serde_json::json!([
                {"lo": 1200, "hi": 1399, "count": 5}, {"lo": 1400, "hi": 1599, "count": 0},
                {"lo": 1600, "hi": 1799, "count": 1}
            ])
        );
    }

    #[test]
    fn sixty_four_slots_reach_the_largest_number() {
        let mut slots = [0; 65];
        slots[63] = 1;
        assert_eq!(
            text(&Hist::log2("ns", &slots)).lines().last(),
            Some(" 9223372036854775808 -> 18446744073709551615 : 1        |********************|")
        );
    }
}
