//! Policies, and the cgroup paths that they are applied to.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cbpfd::try_policy(bytes));
