//! Policies, and the cgroup paths that they are applied to.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cbpfd::try_policy(bytes);
});

/// Without a fuzzer: takes the inputs in the files that are named.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        cbpfd::try_policy(&std::fs::read(path)?);
    }
    Ok(())
}
