//! Perf events, of which each is one CPU's.

use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use anyhow::{Context as _, Result};

use super::plan::{Rate, Sample};

pub(super) fn online_cpus() -> Result<Vec<i32>> {
    let path = "/sys/devices/system/cpu/online";
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    cpu_list(text.trim()).with_context(|| format!("{path}: {text}"))
}

/// `0-3,5` as numbers.
fn cpu_list(text: &str) -> Option<Vec<i32>> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(low.parse::<i32>().ok()?..=high.parse().ok()?);
    }
    Some(cpus)
}

/// Can this machine's hardware count what happens in the last-level cache? True too where that cannot be asked.
pub fn counts_cache() -> bool {
    let mut attr = attributes(Sample::cache_misses(1));
    // What everybody may ask for: a count of one's own.
    attr.set_exclude_kernel(1);
    // SAFETY: the attributes are initialised and `size` is theirs; the kernel returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &attr, 0, -1, -1, libbpf_sys::PERF_FLAG_FD_CLOEXEC) };
    if fd < 0 {
        return !std::io::Error::last_os_error().raw_os_error().is_some_and(is_uncounted);
    }
    // SAFETY: just returned, and nobody else's.
    drop(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
    true
}

/// Is it what perf_event_open() says of what the hardware does not count?
pub(super) fn is_uncounted(errno: i32) -> bool {
    [libc::ENOENT, libc::EOPNOTSUPP, libc::ENODEV].contains(&errno)
}

fn attributes(sample: Sample) -> libbpf_sys::perf_event_attr {
    let mut attr = libbpf_sys::perf_event_attr { type_: sample.kind.0, config: sample.kind.1, ..Default::default() };
    attr.size = size_of_val(&attr) as u32;
    match sample.rate {
        Rate::Hertz(hertz) => {
            attr.__bindgen_anon_1.sample_freq = hertz;
            attr.set_freq(1);
        }
        Rate::Period(events) => attr.__bindgen_anon_1.sample_period = events,
    }
    attr
}

pub(super) fn perf_event(sample: Sample, cpu: i32) -> Result<OwnedFd> {
    let attr = attributes(sample);
    // SAFETY: the attributes are initialised and `size` is theirs; the kernel returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &attr, -1, cpu, -1, libbpf_sys::PERF_FLAG_FD_CLOEXEC) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()).with_context(|| format!("perf_event_open on CPU {cpu}"));
    }
    // SAFETY: just returned, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_list_is_read_and_nonsense_is_not() {
        assert_eq!(cpu_list("0"), Some(vec![0]));
        assert_eq!(cpu_list("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(cpu_list("0-"), None);
    }
}
