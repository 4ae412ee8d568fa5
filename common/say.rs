//! What a program says besides its report. The macros of the standard library panic where it cannot be written.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// Writes a line to the standard error. If that is closed or full, nobody is left to tell.
pub fn say(line: impl Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Writes an answer to the standard output. A reader who has gone away has read enough.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e),
        _ => Ok(()),
    }
}
