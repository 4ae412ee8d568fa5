//! The messages that the daemon takes from anybody.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    cbpf_common::protocol::try_bytes(bytes);
});
