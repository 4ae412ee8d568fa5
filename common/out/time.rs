//! From the kernel's clock to the one on the wall.

use std::io::Write;
use std::time::Duration;

use ::time::{OffsetDateTime, UtcOffset};

const NS: u64 = 1_000_000_000;

/// Turns CLOCK_MONOTONIC nanoseconds, which events carry, into wall clock time.
///
/// The distance between the two clocks is measured at the start and again when an event is more than a second younger than
/// the last measurement, so that steps of the wall clock and a suspended machine are followed.
pub struct Clock {
    sample: Box<dyn FnMut() -> Sample + Send>,
    /// Wall clock minus monotonic clock, ns.
    offset: i64,
    /// Monotonic time of the last measurement, ns.
    sampled: u64,
    /// Monotonic time of the first one, ns.
    start: u64,
    /// What local time is ahead of UTC, s.
    local: i64,
    /// The last local second that was formatted, and its form.
    hms: (i64, [u8; 8]),
    /// The last second of UTC that was formatted, and its form.
    date: (i64, [u8; 19]),
}

/// Both clocks at one moment, ns.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// CLOCK_MONOTONIC.
    pub monotonic: u64,
    /// CLOCK_REALTIME.
    pub wall: i64,
}

impl Clock {
    /// The system's clocks, and the local time zone as it is now. To be called before the first thread is started: where
    /// there are others, reading the zone is not safe and UTC takes its place, as it does where no zone is known.
    #[must_use]
    pub fn new() -> Self {
        let local = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
        Self::with(measure, local.whole_seconds())
    }

    /// Clocks of the caller's own, for tests; local time is `local` seconds ahead of UTC.
    #[must_use]
    pub fn with(mut sample: impl FnMut() -> Sample + Send + 'static, local: i32) -> Self {
        let first = sample();
        let mut clock = Self {
            sample: Box::new(sample),
            offset: 0,
            sampled: 0,
            start: first.monotonic,
            local: local.into(),
            hms: (i64::MIN, [0; 8]),
            date: (i64::MIN, [0; 19]),
        };
        clock.adopt(first);
        clock
    }

    /// CLOCK_MONOTONIC now, ns; as good as a fresh measurement.
    pub fn now(&mut self) -> u64 {
        let now = (self.sample)();
        self.adopt(now);
        now.monotonic
    }

    /// Appends the local time of `ts` (monotonic ns) as HH:MM:SS.
    pub fn hms(&mut self, out: &mut Vec<u8>, ts: u64) {
        let second = self.wall(ts).div_euclid(NS as i64) + self.local;
        if self.hms.0 != second {
            let of_day = second.rem_euclid(86_400) as u32;
            self.hms = (second, clock_face(of_day));
        }
        out.extend_from_slice(&self.hms.1);
    }

    /// Appends the UTC time of `ts` (monotonic ns) as RFC 3339 with nanoseconds.
    pub fn rfc3339(&mut self, out: &mut Vec<u8>, ts: u64) {
        let wall = self.wall(ts);
        let second = wall.div_euclid(NS as i64);
        if self.date.0 != second {
            self.date = (second, date_and_time(second));
        }
        out.extend_from_slice(&self.date.1);
        out.push(b'.');
        decimals(out, wall.rem_euclid(NS as i64) as u32, 9);
        out.push(b'Z');
    }

    /// Seconds from the start to `ts` (monotonic ns); an event from before counts as zero.
    #[must_use]
    pub fn seconds_since_start(&self, ts: u64) -> f64 {
        ts.saturating_sub(self.start) as f64 / NS as f64
    }

    /// Appends the same with at most nine decimals, rounded.
    pub(super) fn since(&self, out: &mut Vec<u8>, ts: u64, places: u8) {
        let places = u32::from(places.min(9));
        let unit = 10u64.pow(9 - places);
        let rounded = ts.saturating_sub(self.start).saturating_add(unit / 2) / unit;
        let whole = 10u64.pow(places);
        super::number(out, rounded / whole);
        if places > 0 {
            out.push(b'.');
            decimals(out, (rounded % whole) as u32, places);
        }
    }

    /// Wall clock time of `ts`, ns since 1970.
    fn wall(&mut self, ts: u64) -> i64 {
        if ts.saturating_sub(self.sampled) >= NS {
            self.now();
        }
        i64::try_from(ts).unwrap_or(i64::MAX).saturating_add(self.offset)
    }

    fn adopt(&mut self, sample: Sample) {
        self.offset = sample.wall.saturating_sub_unsigned(sample.monotonic);
        self.sampled = sample.monotonic;
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("offset", &self.offset).field("local", &self.local).finish_non_exhaustive()
    }
}

/// Reads the wall clock between two readings of the monotonic one, a few times, and takes the closest pair: a process that
/// was preempted in between would shift every time stamp.
fn measure() -> Sample {
    let attempt = || {
        let before = read(libc::CLOCK_MONOTONIC);
        let wall = read(libc::CLOCK_REALTIME);
        let gap = (read(libc::CLOCK_MONOTONIC) - before).max(0);
        (gap, Sample { monotonic: (before + gap / 2).unsigned_abs(), wall })
    };
    let first = attempt();
    (0..2).map(|_| attempt()).fold(first, |best, new| if new.0 < best.0 { new } else { best }).1
}

/// A clock's time, ns.
fn read(id: libc::clockid_t) -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours. The call cannot fail for the two clocks that every kernel has.
    unsafe { libc::clock_gettime(id, &raw mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32).as_nanos() as i64
}

/// HH:MM:SS of a second of the day.
fn clock_face(second: u32) -> [u8; 8] {
    let mut face = *b"00:00:00";
    for (at, value) in [(0, second / 3600), (3, second / 60 % 60), (6, second % 60)] {
        face[at] += (value / 10) as u8;
        face[at + 1] += (value % 10) as u8;
    }
    face
}

/// YYYY-MM-DDTHH:MM:SS of a second since 1970. Nanoseconds in an i64 reach from 1677 to 2262, four digits a year.
fn date_and_time(second: i64) -> [u8; 19] {
    let at = OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let mut form = [0; 19];
    // The form has room for exactly this.
    let _ = write!(&mut form[..], "{year:04}-{:02}-{day:02}T", u8::from(month));
    form[11..].copy_from_slice(&clock_face(second.rem_euclid(86_400) as u32));
    form
}

/// Appends `value` with leading zeros.
fn decimals(out: &mut Vec<u8>, mut value: u32, places: u32) {
    let start = out.len();
    out.resize(start + places as usize, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering::Relaxed};

    use super::*;

    fn form(f: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        f(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// 2026-03-04T05:06:07Z at monotonic 100 s.
    fn clock(local: i32) -> Clock {
        Clock::with(|| Sample { monotonic: 100 * NS, wall: 1_772_600_767 * NS as i64 }, local)
    }

    #[test]
    fn an_event_gets_the_wall_clock_time_of_its_own_moment() {
        let mut c = clock(0);
        assert_eq!(form(|b| c.rfc3339(b, 100 * NS)), "2026-03-04T05:06:07.000000000Z");
        assert_eq!(form(|b| c.rfc3339(b, 100 * NS - 1)), "2026-03-04T05:06:06.999999999Z");
        assert_eq!(form(|b| c.rfc3339(b, 100 * NS + 1_002_003)), "2026-03-04T05:06:07.001002003Z");
        assert_eq!(form(|b| c.hms(b, 101 * NS)), "05:06:08");
        assert_eq!(form(|b| c.hms(b, 100 * NS)), "05:06:07");
    }

    #[test]
    fn local_time_is_ahead_or_behind_and_json_time_is_utc() {
        let mut east = clock(5 * 3600 + 1800);
        assert_eq!(form(|b| east.hms(b, 100 * NS)), "10:36:07");
        assert_eq!(form(|b| east.rfc3339(b, 100 * NS)), "2026-03-04T05:06:07.000000000Z");
        let mut west = clock(-6 * 3600);
        assert_eq!(form(|b| west.hms(b, 100 * NS)), "23:06:07");
    }

    #[test]
    fn a_step_of_the_wall_clock_is_followed_and_measured_at_most_once_a_second() {
        let monotonic = Arc::new(AtomicI64::new(10 * NS as i64));
        let step = Arc::new(AtomicI64::new(0));
        let reads = Arc::new(AtomicU32::new(0));
        let (m, s, r) = (monotonic.clone(), step.clone(), reads.clone());
        let mut c = Clock::with(
            move || {
                r.fetch_add(1, Relaxed);
                let now = m.load(Relaxed);
                Sample { monotonic: now as u64, wall: now + s.load(Relaxed) }
            },
            0,
        );
        for ms in 0..999 {
            c.hms(&mut Vec::new(), 10 * NS + ms * 1_000_000);
        }
        assert_eq!(reads.load(Relaxed), 1);
        step.store(3600 * NS as i64, Relaxed);
        monotonic.store(11 * NS as i64, Relaxed);
        assert_eq!(form(|b| c.hms(b, 11 * NS)), "01:00:11");
        assert_eq!(form(|b| c.hms(b, 11 * NS + 5)), "01:00:11");
        assert_eq!(reads.load(Relaxed), 2);
    }

    #[test]
    fn an_absurd_time_stamp_does_no_harm() {
        let mut c = clock(3600);
        for ts in [0, 1, u64::MAX, i64::MAX as u64] {
            assert_eq!(form(|b| c.rfc3339(b, ts)).len(), "2026-03-04T05:06:07.000000000Z".len());
            assert_eq!(form(|b| c.hms(b, ts)).len(), 8);
            form(|b| c.since(b, ts, 3));
        }
    }

    #[test]
    fn seconds_since_the_start_are_rounded_to_the_places_asked_for() {
        let c = clock(0);
        assert_eq!(form(|b| c.since(b, 100 * NS, 3)), "0.000");
        assert_eq!(form(|b| c.since(b, 101 * NS + 999_500_000, 3)), "2.000");
        assert_eq!(form(|b| c.since(b, 112 * NS + 7_000_001, 9)), "12.007000001");
        assert_eq!(form(|b| c.since(b, 112 * NS + 499_999_999, 0)), "12");
        assert_eq!(form(|b| c.since(b, 3, 3)), "0.000");
        assert!((c.seconds_since_start(101 * NS + 500_000_000) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn the_systems_clocks_agree_with_the_standard_library() {
        let mut c = Clock::new();
        let now = c.now();
        let here = form(|b| c.rfc3339(b, now));
        let there = OffsetDateTime::now_utc();
        let second = |s: &str| s[17..19].parse::<i64>().unwrap();
        assert!((i64::from(there.second()) - second(&here)).rem_euclid(60) <= 1, "{here} and {there}");
        assert_eq!(here[..4], there.year().to_string());
    }
}
