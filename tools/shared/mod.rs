//! What several tools have in common.

pub mod disks;
pub mod fs;
pub mod hists;
pub mod path;
pub mod prototype;
pub mod sock;
