//! The kernel ladder: runs a command under other kernels than this machine's.
//!
//! [`fetch`] gets a Debian cloud kernel with apt, [`Image`] collects what the guest's root file
//! system holds, and [`boot`] starts both in qemu, with `guest-init` as the first process, and
//! returns what the command wrote and its exit status. Nothing is installed and nothing needs
//! root; the machine needs Debian's apt sources and the packages qemu-system-x86, kmod, xz-utils
//! and zstd.

mod boot;
mod fetch;
mod image;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use boot::{Outcome, boot};
pub use fetch::fetch;
pub use image::{COMMAND, Image, MODULE_LIST};

/// One kernel series of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// The series, such as `5.10`; an `x` stands for any number.
    pub name: &'static str,
    /// The Debian suite that ships it.
    pub suite: &'static str,
}

/// The kernels that the tests run on, oldest first.
pub const RUNGS: &[Rung] = &[
    Rung { name: "5.10", suite: "bullseye" },
    Rung { name: "6.1", suite: "bookworm" },
    Rung { name: "6.12", suite: "trixie" },
    Rung { name: "7.x", suite: "sid" },
];

/// An unpacked kernel package.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// What `uname -r` says under it.
    pub release: String,
    /// The bootable image.
    pub vmlinuz: PathBuf,
    /// Its `lib/modules/RELEASE`.
    pub modules: PathBuf,
}

impl Kernel {
    /// Finds the kernel in an unpacked package.
    fn open(root: &Path) -> Result<Self> {
        let parent = root.join("lib/modules");
        let mut entries = fs::read_dir(&parent).with_context(|| format!("cannot list {parent:?}"))?;
        let entry = entries.next().with_context(|| format!("{parent:?} is empty"))??;
        let release = entry.file_name().into_string().ok().context("the name of a release is not UTF-8")?;
        let (modules, boot) = (entry.path(), root.join("boot"));
        // Newer packages (7.2, not 6.12) have all in one place.
        let find = |name: &str| match modules.join(name) {
            path if path.exists() => path,
            _ => boot.join(format!("{name}-{release}")),
        };
        Ok(Self { vmlinuz: find("vmlinuz"), release, modules })
    }
}
