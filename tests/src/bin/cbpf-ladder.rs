//! Runs the suite on the kernel ladder: `cbpf-ladder [RUNG] [FILTER]`; or, to look into something, one command on one
//! rung: `cbpf-ladder RUNG -- COMMAND`.
//!
//! Wants `cbpf`, `cbpf-suite` and `guest-init` beside itself. A rung that cannot be had is an error where `CI` is set
//! and a counted skip elsewhere.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "where it cannot say how a test went, it may panic")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cbpf_tests::ladder::{Image, Kernel, RUNGS, Rung, boot, fetch};
use cbpf_tests::process::{cbpf, own_exe};

/// What the guests load besides what is built in.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "loop",
    "overlay",
    "xfs",
    "btrfs",
    "fuse",
    "nfsd",
    "nfsv4",
    "null_blk nr_devices=1",
    "ipv6",
];

/// For a whole suite in one guest, under emulation: twice what it takes on a quiet machine.
const TIMEOUT: Duration = Duration::from_secs(25 * 60);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [name, dashes, command @ ..] = &args[..]
        && dashes == "--"
    {
        return match try_out(name, command) {
            Ok(status) => ExitCode::from(status as u8),
            Err(e) => {
                eprintln!("cbpf-ladder: {e:#}");
                ExitCode::FAILURE
            }
        };
    }
    // A guest keeps one CPU busy.
    let rungs: Mutex<Vec<&Rung>> =
        Mutex::new(RUNGS.iter().rev().filter(|rung| args.first().is_none_or(|name| name == rung.name)).collect());
    let sums = Mutex::new([0u32; 3]);
    let add = |counts: [u32; 3]| {
        if let Ok(mut sums) = sums.lock() {
            sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
        }
    };
    let climb_on = || {
        while let Some(rung) = rungs.lock().ok().and_then(|mut rungs| rungs.pop()) {
            match climb(*rung, args.get(1)) {
                Ok(counts) => add(counts),
                Err(e) if e.is::<Absent>() && std::env::var_os("CI").is_none() => {
                    println!("skip {}: {e:#}", rung.name);
                    add([0, 0, 1]);
                }
                Err(e) => {
                    println!("FAIL {}: {e:#}", rung.name);
                    add([0, 1, 0]);
                }
            }
        }
    };
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..cpus.min(RUNGS.len())).for_each(|_| drop(scope.spawn(climb_on))));
    let sums = sums.into_inner().unwrap_or([0, 1, 0]);
    println!("{} passed, {} failed, {} skipped", sums[0], sums[1], sums[2]);
    if sums[1] == 0 && sums[0] > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a command in a guest, which gets every file that a word of it names.
fn try_out(name: &str, command: &[String]) -> Result<i32> {
    let rung = RUNGS.iter().find(|rung| rung.name == name).with_context(|| format!("no rung {name}"))?;
    let kernel = fetch(*rung, &cache())?;
    let mut image = image(&kernel)?;
    for word in command.iter().map(Path::new).filter(|word| word.is_absolute() && word.is_file()) {
        image.add_program(word)?;
    }
    let outcome = boot(&kernel, &image, command, TIMEOUT)?;
    print!("{}", outcome.output);
    Ok(outcome.status)
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/kernels")
}

/// A kernel that could not be fetched.
#[derive(Debug)]
struct Absent;
impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the kernel cannot be had")
    }
}

fn climb(rung: Rung, filter: Option<&String>) -> Result<[u32; 3]> {
    let kernel = fetch(rung, &cache()).context(Absent)?;
    let mut image = image(&kernel)?;
    let suite = own_exe()?.with_file_name("cbpf-suite").display().to_string();
    image.add_program(Path::new("/usr/bin/env"))?;
    let env = ["/usr/bin/env".into(), "CBPF_GUEST=yes".into(), format!("CBPF={}", cbpf()?.display())];
    let argv = [env.to_vec(), vec![suite, rung.name.into()], filter.into_iter().cloned().collect()].concat();
    let outcome = boot(&kernel, &image, &argv, TIMEOUT)?;
    // In one piece, and without the line of counts, which is for the sum of all rungs.
    let lines = outcome.output.lines().filter(|line| counts(line).is_none());
    print!("{}", lines.flat_map(|line| [line, "\n"]).collect::<String>());
    if let Some(why) = outcome.first_failure {
        println!("{}: the first boot failed: {why}", rung.name);
    }
    let [passed, failed, skipped] = outcome
        .output
        .lines()
        .rev()
        .find_map(counts)
        .with_context(|| format!("the suite did not end, status {}", outcome.status))?;
    println!(
        "{}: {} booted in {:.0} s: passed {passed}, failed {failed}, skipped {skipped}",
        rung.name, outcome.kernel_release, outcome.boot_seconds
    );
    Ok([passed, failed, skipped])
}

/// `N passed, N failed, N skipped` as numbers.
fn counts(line: &str) -> Option<[u32; 3]> {
    let [passed, failed, skipped] = line.split(", ").collect::<Vec<_>>().try_into().ok()?;
    let number = |part: &str, what| part.strip_suffix(what)?.parse().ok();
    Some([number(passed, " passed")?, number(failed, " failed")?, number(skipped, " skipped")?])
}

fn image(kernel: &Kernel) -> Result<Image> {
    let here = own_exe()?;
    let mut image = Image::new(&here.with_file_name("guest-init"))?;
    image.add_program(&cbpf()?)?;
    image.add_program(&cbpf()?.with_file_name("cbpfd"))?;
    image.add_program(&here.with_file_name("cbpf-suite"))?;
    // What workloads start, and what makes file systems.
    const PROGRAMS: [&str; 7] = [
        "/bin/true",
        "/bin/bash",
        "/usr/sbin/mke2fs",
        "/usr/sbin/mkfs.xfs",
        "/usr/sbin/mkfs.btrfs",
        "/usr/sbin/losetup",
        "/usr/bin/fuse-overlayfs",
    ];
    for program in PROGRAMS {
        image.add_program(Path::new(program))?;
    }
    image.add_file(
        "/etc/passwd",
        0o644,
        0,
        "root:x:0:0:root:/:/bin/sh\nown:x:2001:2001::/:\nforeign:x:2002:2002::/:\n",
    );
    image.add_file("/etc/hosts", 0o644, 0, "127.0.0.1 localhost\n::1 localhost\n");
    image.add_file("/etc/nsswitch.conf", 0o644, 0, "hosts: files\n");
    let absent = image.add_modules(kernel, MODULES)?;
    if !absent.is_empty() {
        eprintln!("cbpf-ladder: {} has no module {}", kernel.release, absent.join(", "));
    }
    image.add_disk(64);
    Ok(image)
}
