//! What happened since the last look. Maps in the kernel only count up and are never reset, so that no event falls
//! between a read and a reset; the difference is taken here.

use std::collections::HashMap;

use cbpf_bpf::events::{cbpf_hist, cbpf_tally, filetop_value, klockstat_stat, numamove_total};
use plain::Plain;

/// A value that only grows.
pub trait Cumulative: Plain + Copy + Default {
    /// What was added since `before`.
    fn since(&self, before: &Self) -> Self;
    /// How many events it holds.
    fn count(&self) -> u64;
}

impl Cumulative for cbpf_hist {
    fn since(&self, before: &Self) -> Self {
        let mut slots = self.slots;
        slots.iter_mut().zip(before.slots).for_each(|(now, before)| *now -= before);
        Self { slots, total: self.total.wrapping_sub(before.total), comm: self.comm }
    }
    fn count(&self) -> u64 {
        self.slots.iter().sum()
    }
}

/// The maxima do not subtract: see [`max_slot`].
impl Cumulative for cbpf_tally {
    fn since(&self, before: &Self) -> Self {
        Self { count: self.count - before.count, total: self.total.wrapping_sub(before.total), ..*self }
    }
    fn count(&self) -> u64 {
        self.count
    }
}

impl Cumulative for filetop_value {
    fn since(&self, before: &Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            read_bytes: self.read_bytes - before.read_bytes,
            write_bytes: self.write_bytes - before.write_bytes,
            ..*self
        }
    }
    fn count(&self) -> u64 {
        self.reads + self.writes
    }
}

impl Cumulative for numamove_total {
    fn since(&self, before: &Self) -> Self {
        Self {
            times: self.times - before.times,
            moved: self.moved - before.moved,
            failed: self.failed - before.failed,
            ns: self.ns.wrapping_sub(before.ns),
        }
    }
    fn count(&self) -> u64 {
        self.times
    }
}

/// As those of tallies.
impl Cumulative for klockstat_stat {
    fn since(&self, before: &Self) -> Self {
        Self { count: self.count - before.count, total: self.total.wrapping_sub(before.total), ..*self }
    }
    fn count(&self) -> u64 {
        self.count
    }
}

/// Which of a value's two maxima is that of a period that
/// [`Session::next_period`](crate::session::Session::next_period) has ended, if it had one. What came between that and
/// the snapshot is in the counts already, so it may raise the maximum as well.
pub fn max_slot(periods: &[u64; 2], maxima: &[u64; 2], period: u64) -> Option<usize> {
    (0..2).filter(|n| (period..=period + 1).contains(&periods[*n])).max_by_key(|n| maxima[*n])
}

/// The largest amount of that period, or 0.
pub fn max(tally: &cbpf_tally, period: u64) -> u64 {
    max_slot(&tally.period, &tally.max, period).map_or(0, |n| tally.max[n])
}

/// Remembers the last snapshot of one map.
#[derive(Debug)]
pub struct Deltas<V> {
    before: HashMap<Vec<u8>, V>,
}

impl<V> Default for Deltas<V> {
    fn default() -> Self {
        Self { before: HashMap::new() }
    }
}

impl<V: Cumulative> Deltas<V> {
    /// From a whole snapshot, the keys that gained events and what they gained, and the number of events that the
    /// map holds since the start.
    pub fn step<K: Plain + Copy>(&mut self, now: Vec<(K, V)>) -> (Vec<(K, V)>, u64) {
        let mut events = 0;
        let gained = now
            .into_iter()
            .filter_map(|(key, value)| {
                events += value.count();
                // SAFETY: keys are generated from C structs without padding that is not zeroed.
                let bytes = unsafe { plain::as_bytes(&key) }.to_vec();
                let gained = value.since(&self.before.insert(bytes, value).unwrap_or_default());
                (gained.count() > 0).then_some((key, gained))
            })
            .collect();
        (gained, events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maximum_is_that_of_its_period() {
        let tally = cbpf_tally { max: [7, 9], period: [2, 1], ..Default::default() };
        assert_eq!([0, 1, 2, 3].map(|period| max(&tally, period)), [9, 9, 7, 0]);
    }

    #[test]
    fn only_what_was_added_since_the_last_look_is_shown() {
        let mut deltas = Deltas::default();
        let tally = |count, total| cbpf_tally { count, total, ..Default::default() };
        let (gained, events) = deltas.step(vec![(1u32, tally(2, 20)), (2, tally(1, 5))]);
        assert_eq!((gained.len(), events), (2, 3));
        let (gained, events) = deltas.step(vec![(1u32, tally(5, 90)), (2, tally(1, 5))]);
        assert_eq!(events, 6);
        assert_eq!(gained.iter().map(|(k, v)| (*k, v.count, v.total)).collect::<Vec<_>>(), [(1, 3, 70)]);
    }
}
