//! Guests: a kernel and an image in qemu.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Image, Kernel};

/// What a command did in the guest.
#[derive(Debug)]
pub struct Outcome {
    /// What it and its children wrote to standard output and standard error.
    pub output: String,
    /// Its exit status; 128 and the signal if one ended it, 127 if it did not start.
    pub status: i32,
    /// From the start of qemu to the start of the command.
    pub boot_seconds: f64,
    /// What `uname -r` says in the guest.
    pub kernel_release: String,
    /// Why the first boot failed, if this is the second.
    pub first_failure: Option<String>,
}

/// A guest that is not up by then never will be.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// The root file system may take half of it.
const MEMORY_MB: u32 = 1024;

/// Two NUMA nodes, with half of the processors and of the memory each.
const NODES: [&str; 8] = [
    "-object",
    "memory-backend-ram,id=m0,size=512M",
    "-numa",
    "node,memdev=m0,cpus=0-1",
    "-object",
    "memory-backend-ram,id=m1,size=512M",
    "-numa",
    "node,memdev=m1,cpus=2-3",
];

/// Boots `kernel` with `image` and runs `argv`, whose first is the path of the program, as root.
///
/// Emulation has its accidents: a guest that ends before the command starts, or a qemu that a
/// signal ends, is started once more, which standard error and the outcome tell.
pub fn boot(kernel: &Kernel, image: &Image, argv: &[String], timeout: Duration) -> Result<Outcome> {
    ensure!(!argv.is_empty() && argv.iter().all(|a| !a.contains('\0')), "no command for the guest");
    let first = Guest::start(kernel, image, argv)?.wait(timeout)?;
    if let Some(accident) = first.accident() {
        eprintln!("the {} guest is started again: {accident}", kernel.release);
        let second = Guest::start(kernel, image, argv)?.wait(timeout)?;
        return second.outcome(Some(accident));
    }
    first.outcome(None)
}

/// What the guest's kernel is told: to end when it fails, and to leave out what costs an emulator much and no test looks
/// at, such as guards against the faults of real CPUs (two thirds of the time are left).
const APPEND: &str =
    "console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off init_on_alloc=0 rcupdate.rcu_expedited=1";

/// A running qemu and its files.
struct Guest {
    qemu: std::process::Child,
    started: Instant,
    /// What guest-init puts before its own lines: the command cannot know it.
    marker: String,
    dir: PathBuf,
}

/// What is left of a guest.
struct Remains {
    /// How qemu ended, or why we ended it.
    end: std::result::Result<ExitStatus, String>,
    boot_time: Option<Duration>,
    marker: String,
    serial: Vec<u8>,
    console: String,
}

impl Guest {
    fn start(kernel: &Kernel, image: &Image, argv: &[String]) -> Result<Self> {
        let mut random = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let marker = format!("cbpf-{:032x}", u128::from_ne_bytes(random));
        let dir = std::env::temp_dir().join(&marker);
        fs::create_dir(&dir).with_context(|| format!("cannot create {dir:?}"))?;
        Self::start_in(&dir, &marker, kernel, image, argv).inspect_err(|_| {
            let _ = fs::remove_dir_all(&dir);
        })
    }

    fn start_in(dir: &Path, marker: &str, kernel: &Kernel, image: &Image, argv: &[String]) -> Result<Self> {
        let mut command = Vec::new();
        for text in std::iter::once(marker).chain(argv.iter().map(String::as_str)) {
            command.extend_from_slice(text.as_bytes());
            command.push(0);
        }
        fs::write(dir.join("initrd"), image.cpio(command)).context("cannot write the initrd")?;

        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.current_dir(dir)
            // Emulation with a thread per processor crashes some kernels now and then. What newer CPUs have, wide registers
            // and a fifth level of page tables, is emulated slowly.
            .args(["-accel", "tcg,thread=single", "-cpu", "Nehalem", "-smp", "4"])
            .args(["-m", &MEMORY_MB.to_string()])
            .args(NODES)
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            // Files never make a port wait, and so lose nothing.
            .args(["-serial", "file:console", "-serial", "file:serial"])
            .args(["-initrd", "initrd"])
            .args(["-append", APPEND])
            .arg("-kernel")
            .arg(&kernel.vmlinuz);
        for (i, megabytes) in image.disks.iter().enumerate() {
            let name = format!("disk{i}");
            File::create(dir.join(&name))?.set_len(megabytes << 20)?;
            qemu.args(["-drive", &format!("file={name},format=raw,if=virtio,cache=unsafe")]);
        }
        let log = File::create(dir.join("qemu"))?;
        qemu.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // SAFETY: prctl is async-signal-safe and touches no memory.
        unsafe {
            qemu.pre_exec(|| {
                // A guest must not outlive the test.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let started = Instant::now();
        let qemu = qemu.spawn().context("cannot run qemu-system-x86_64")?;
        Ok(Self { qemu, started, marker: marker.to_owned(), dir: dir.to_owned() })
    }

    /// Waits until the guest is off, or for so long and switches it off.
    fn wait(mut self, timeout: Duration) -> Result<Remains> {
        let mut boot_time = None;
        let end = loop {
            if let Some(status) = self.qemu.try_wait()? {
                break Ok(status);
            }
            let elapsed = self.started.elapsed();
            // The first thing on the second port is guest-init's line.
            let serial = fs::metadata(self.dir.join("serial")).map_or(0, |m| m.len());
            if boot_time.is_none() && serial > 0 {
                boot_time = Some(elapsed);
            }
            if elapsed > timeout {
                break Err(format!("the command took more than {} s", timeout.as_secs()));
            }
            if boot_time.is_none() && elapsed > BOOT_LIMIT {
                break Err(format!("it did not boot in {} s", BOOT_LIMIT.as_secs()));
            }
            sleep(Duration::from_millis(20));
        };
        let _ = self.qemu.kill();
        self.qemu.wait()?;
        let mut console = String::new();
        for name in ["qemu", "console"] {
            console += &String::from_utf8_lossy(&read_or_empty(&self.dir.join(name))?);
        }
        let serial = read_or_empty(&self.dir.join("serial"))?;
        Ok(Remains { end, boot_time, marker: std::mem::take(&mut self.marker), serial, console })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn read_or_empty(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other.with_context(|| format!("cannot read {path:?}")),
    }
}

impl Remains {
    /// Why another try may do better, if so.
    fn accident(&self) -> Option<String> {
        match &self.end {
            Ok(status) if status.signal().is_some() => Some(format!("qemu ended: {status}")),
            Err(reason) if self.boot_time.is_none() => Some(reason.clone()),
            Ok(status) if self.boot_time.is_none() => Some(format!("no boot: {status}")),
            _ => None,
        }
    }

    fn outcome(self, first_failure: Option<String>) -> Result<Outcome> {
        let serial = String::from_utf8_lossy(&self.serial);
        self.parse(&serial, first_failure).with_context(|| {
            let lines: Vec<&str> = self.console.lines().collect();
            format!("end of the guest's console:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"))
        })
    }

    /// The second port's text: a line `MARKER RELEASE`, the command's output, and `MARKER STATUS`.
    fn parse(&self, serial: &str, first_failure: Option<String>) -> Result<Outcome> {
        let parts: Vec<&str> = serial.split(&self.marker).collect();
        let (release, output, status) = match *parts {
            [_, begin, status] if status.ends_with('\n') => {
                let (release, output) = begin.split_once('\n').context("guest-init said nothing")?;
                (release.trim(), output, status.trim())
            }
            _ => match &self.end {
                Err(reason) => bail!("the guest was stopped: {reason}; output so far:\n{serial}"),
                Ok(status) => bail!("the guest died (qemu: {status}); output so far:\n{serial}"),
            },
        };
        Ok(Outcome {
            output: output.to_owned(),
            status: status.parse().context("guest-init reported no status")?,
            boot_seconds: self.boot_time.unwrap_or_default().as_secs_f64(),
            kernel_release: release.to_owned(),
            first_failure,
        })
    }
}
