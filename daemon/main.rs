//! The executable; all of it is in the library, where the fuzzers reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    cbpfd::main()
}
