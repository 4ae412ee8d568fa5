//! What the programs of the tests have in common. The tests themselves are `cbpf-suite`'s.

#![allow(clippy::print_stderr, reason = "where it cannot say how a test went, it may panic")]

pub mod ladder;
pub mod process;
