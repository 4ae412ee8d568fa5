//! The messages that the daemon takes from anybody.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cbpf_common::protocol::try_bytes(bytes);
});

/// Without a fuzzer: takes the inputs in the files that are named.
#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        cbpf_common::protocol::try_bytes(&std::fs::read(path)?);
    }
    Ok(())
}
