//! The owner tests of what asks for a kind of file system, on those that containers have besides the one in memory.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use nix::mount::{MsFlags, mount};

use crate::case::{self, Case, Outcome};
use crate::cases::{fsdist, fsslower};
use crate::process;

/// Where the workloads have their files. What is to go with the mount namespace is below it.
const FILES: &str = "/dev/shm";
/// The file system in question, before it takes that place.
const MOUNTED: &str = "/dev/shm/mounted";

/// The kind that the cases ask for by themselves.
const IN_MEMORY: &str = "tmpfs";

#[derive(Debug)]
pub struct Kind {
    pub name: &'static str,
    mount: fn() -> Result<()>,
}

pub const KINDS: &[Kind] = &[
    Kind { name: "overlay", mount: overlay },
    Kind { name: "xfs", mount: || disk("xfs", 300) },
    Kind { name: "btrfs", mount: || disk("btrfs", 200) },
    Kind { name: "fuse", mount: fuse },
];

/// Tests a kind in a process and a mount namespace of its own.
pub fn test(kind: &Kind) -> Result<()> {
    process::run_apart(&["files-on", kind.name])
}

/// The other side of [`test`].
pub fn inside(name: &str) -> Result<()> {
    let kind = KINDS.iter().find(|kind| kind.name == name).with_context(|| format!("no kind {name}"))?;
    mount(Some(IN_MEMORY), FILES, Some(IN_MEMORY), MsFlags::empty(), None::<&str>)?;
    fs::create_dir(MOUNTED)?;
    (kind.mount)()?;
    fs::set_permissions(MOUNTED, Permissions::from_mode(0o1777))?;
    mount(Some(MOUNTED), FILES, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    for case in [fsslower::CASE, fsdist::CASE] {
        let args = case.args.iter().map(|word| if *word == IN_MEMORY { kind.name } else { word });
        let case = Case { args: args.collect::<Vec<_>>().leak(), ..case }; // a few words, once
        match case::user_scope(&case).with_context(|| case.tool)? {
            Outcome::Passed => {}
            Outcome::NotHere(why) | Outcome::Disturbed(why) => bail!("{}: {why}", case.tool),
        }
    }
    Ok(())
}

fn run(program: &str, args: &[&str]) -> Result<String> {
    let done = Command::new(program).args(args).output().with_context(|| program.to_owned())?;
    ensure!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?.trim().to_owned())
}

/// On a disk that is a file, of so many megabytes.
fn disk(kind: &str, megabytes: u64) -> Result<()> {
    let image = format!("{FILES}/disk");
    File::create(&image)?.set_len(megabytes << 20)?;
    run(&format!("/usr/sbin/mkfs.{kind}"), &["-q", &image])?;
    let device = run("/usr/sbin/losetup", &["--find", "--show", &image])?;
    let mounted = mount(Some(&*device), MOUNTED, Some(kind), MsFlags::empty(), None::<&str>);
    // Goes when it is not mounted any more.
    run("/usr/sbin/losetup", &["--detach", &device])?;
    mounted.with_context(|| format!("mount -t {kind}"))
}

fn layers() -> Result<String> {
    let layer = |name: &str| -> Result<String> {
        let path = format!("{FILES}/{name}");
        fs::create_dir(&path)?;
        Ok(format!("{name}dir={path}"))
    };
    Ok([layer("lower")?, layer("upper")?, layer("work")?].join(","))
}

fn overlay() -> Result<()> {
    mount(Some("overlay"), MOUNTED, Some("overlay"), MsFlags::empty(), Some(&*layers()?)).context("mount -t overlay")
}

/// As rootless podman has it.
fn fuse() -> Result<()> {
    run("/usr/bin/fuse-overlayfs", &["-o", &layers()?, MOUNTED]).map(drop)
}
