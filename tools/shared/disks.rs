//! Disks by number and by name, for the tools of block I/O.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::{Context as _, Result};

use crate::cli::run::Usage;

/// The disks of this machine by number, 12 bits of major and 20 of minor.
#[derive(Default)]
pub struct Disks(HashMap<u32, String>);

impl Disks {
    /// Reads them.
    pub fn read() -> Result<Self> {
        let path = "/proc/diskstats";
        Ok(Self::parse(&std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?))
    }

    fn parse(text: &str) -> Self {
        let disk = |line: &str| {
            let mut words = line.split_whitespace();
            let (major, minor): (u32, u32) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((major << 20 | minor, words.next()?.to_owned()))
        };
        Self(text.lines().filter_map(disk).collect())
    }

    /// The name of a disk; of one that is gone the number.
    pub fn name(&self, dev: u32) -> Cow<'_, str> {
        match self.0.get(&dev) {
            Some(name) => name.into(),
            None => format!("{}:{}", dev >> 20, dev & 0xf_ffff).into(),
        }
    }

    /// The number of a disk that an option names. Requests are those of whole disks, so a partition is refused.
    pub fn number(&self, name: &str) -> Result<u32> {
        let name = name.trim_start_matches("/dev/");
        let found = self.0.iter().find(|(_, n)| *n == name).map(|(dev, _)| *dev);
        let dev = found.ok_or_else(|| Usage(format!("-d: no disk {name} in /proc/diskstats")))?;
        if std::path::Path::new("/sys/class/block").join(name).join("partition").exists() {
            return Err(Usage(format!("-d: {name} is a partition; name the disk that it is on")).into());
        }
        Ok(dev)
    }

    /// The knob `only_disk` for an option `-d DISK` that may be missing.
    pub fn only(name: Option<&str>) -> Result<u32> {
        name.map_or(Ok(0), |name| Self::read()?.number(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_known_by_number_and_by_name() {
        let disks = Disks::parse("   8       0 sda 1 2 3\n   8      16 sdb 1\n 259       0 nvme0n1 1\nnonsense\n");
        assert_eq!(disks.name(259 << 20), "nvme0n1");
        assert_eq!(disks.name(8 << 20 | 32), "8:32");
        assert_eq!(disks.number("/dev/sdb").ok(), Some(8 << 20 | 16));
        assert!(disks.number("sdc").is_err_and(|e| e.is::<Usage>()));
    }
}
