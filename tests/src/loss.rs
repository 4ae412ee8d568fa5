//! Nothing is lost unseen: matched = shown + dropped to the unit, whatever the reader does.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::process::{self, cbpf};

/// Opens in each of the two loops.
const OPENS: u64 = 300_000;

/// One loop; runs as a process of its own, named `wk-loop`.
pub fn open_loop(count: u64) -> Result<()> {
    // SAFETY: a C string of less than 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"wk-loop".as_ptr()) };
    for _ in 0..count {
        File::open("/etc/passwd")?;
    }
    Ok(())
}

/// How the reader behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Rows to a file.
    Text,
    /// JSON to a file.
    Json,
    /// A pipe that nobody reads for four seconds.
    Stalled,
}

/// Runs both loops under opensnoop and adds up.
pub fn test(reader: Reader) -> Result<()> {
    let (output, errors) = trace(reader)?;
    let (matched, shown, dropped) = closing_line(&errors)?;
    ensure!(matched == 2 * OPENS, "matched {matched} of {} opens", 2 * OPENS);
    ensure!(matched == shown + dropped, "{errors}");
    let lines = output.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let rows = if reader == Reader::Json {
        let mut rows = 0;
        for line in lines {
            let record: Value = serde_json::from_slice(line)?;
            rows += u64::from(record["type"] == "event");
            if record["type"] == "end" {
                let told = ["matched", "shown", "dropped"].map(|key| record[key].as_u64());
                ensure!(told == [Some(matched), Some(shown), Some(dropped)], "{record}");
            }
        }
        rows
    } else {
        lines.filter(|line| line.windows(7).any(|w| w == b"wk-loop")).count() as u64
    };
    ensure!(rows == shown, "{rows} rows, but {shown} are said to be shown");
    if reader == Reader::Stalled {
        ensure!(dropped > 0, "four seconds without a reader lost nothing: the test does not test");
    }
    println!("     {reader:?}: {errors}");
    Ok(())
}

/// What opensnoop writes to standard output and standard error while both loops run.
fn trace(reader: Reader) -> Result<(Vec<u8>, String)> {
    let path = std::env::temp_dir().join(format!("cbpf-loss-{}", std::process::id()));
    let mut tool = Command::new(cbpf()?);
    tool.args(["opensnoop", "-n", "wk-loop"]).stderr(Stdio::piped()).stdin(Stdio::null());
    if reader == Reader::Json {
        tool.arg("--json");
    }
    let mut piped = None;
    if reader == Reader::Stalled {
        let (read, write) = nix::unistd::pipe()?;
        piped = Some(thread::spawn(move || stall(read)));
        tool.stdout(write);
    } else {
        tool.stdout(File::create(&path)?);
    }
    let mut child = tool.spawn()?;
    drop(tool); // and with it our end of the pipe
    let mut errors = child.stderr.take().context("stderr")?;
    let errors = thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).map(|_| text)
    });
    if piped.is_some() {
        thread::sleep(Duration::from_millis(1500)); // for the header
    }
    let begin = Instant::now();
    while piped.is_none() && fs::metadata(&path)?.len() == 0 {
        ensure!(begin.elapsed() < Duration::from_secs(60), "no header");
        thread::sleep(Duration::from_millis(10));
    }
    run_loops()?;
    kill(Pid::from_raw(child.id().try_into()?), Signal::SIGINT)?;
    let status = child.wait()?;
    let died = |_| anyhow::anyhow!("the reader died");
    let errors = errors.join().map_err(died)??;
    ensure!(status.success(), "{status}: {errors}");
    let output = match piped {
        Some(reader) => reader.join().map_err(died)??,
        None => fs::read(&path)?,
    };
    let _ = fs::remove_file(&path);
    Ok((output, errors))
}

/// Reads the header, nothing for four seconds, and then the rest.
fn stall(pipe: OwnedFd) -> Result<Vec<u8>> {
    let mut pipe = File::from(pipe);
    let mut all = vec![0; 4096];
    let n = pipe.read(&mut all)?;
    all.truncate(n);
    thread::sleep(Duration::from_secs(4));
    pipe.read_to_end(&mut all)?;
    Ok(all)
}

/// Both loops at the same time, to their end.
fn run_loops() -> Result<()> {
    let mut command = Command::new(process::own_exe()?);
    command.args(["loop", &OPENS.to_string()]);
    for each in [process::spawn(&mut command, None, 0)?, process::spawn(&mut command, None, 0)?] {
        each.finish()?;
    }
    thread::sleep(Duration::from_millis(300)); // until the last rows are written
    Ok(())
}

/// The numbers of `matched 12,345, shown 12,340, dropped 5 (ring full 5)`.
pub fn closing_line(stderr: &str) -> Result<(u64, u64, u64)> {
    let line = stderr.lines().find_map(|l| l.strip_prefix("cbpf: matched ")).context("no closing line")?;
    let number = |text: &str| text.split_whitespace().next().and_then(|n| n.replace(',', "").parse().ok());
    let parts: Vec<&str> = line.split(", ").collect();
    match parts[..] {
        [matched, shown, dropped, ..] => {
            let after = |part: &str, word: &str| part.strip_prefix(word).and_then(number);
            match (number(matched), after(shown, "shown "), after(dropped, "dropped ")) {
                (Some(m), Some(s), Some(d)) => Ok((m, s, d)),
                _ => bail!("cannot read: {line}"),
            }
        }
        _ => bail!("cannot read: {line}"),
    }
}
