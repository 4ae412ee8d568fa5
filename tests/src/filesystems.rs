//! The owner tests of what asks for a kind of file system, on those that containers have besides the one in memory.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::mount::{MsFlags, mount};

use crate::case::{self, Case, Outcome, emulated};
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
    Kind { name: "nfs", mount: nfs },
];

/// Why a kind is not to be had here.
pub fn missing(kind: &Kind) -> Option<String> {
    (kind.name == "nfs" && !emulated()).then(|| "no machine but a guest is made a server of NFS".into())
}

/// Gives a guest of the ladder, whose root is in memory, a file system on a disk.
pub fn mount_disk() -> Result<()> {
    run("/usr/sbin/mke2fs", &["-q", "-F", "-t", "ext4", "/dev/vda"])?;
    fs::create_dir_all("/var/tmp")?;
    mount(Some("/dev/vda"), "/var/tmp", Some("ext4"), MsFlags::empty(), None::<&str>)
        .context("cannot mount /dev/vda")?;
    Ok(fs::set_permissions("/var/tmp", Permissions::from_mode(0o1777))?)
}

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
    Ok(process::output(Command::new(program).args(args))?.trim().to_owned())
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

/// The kernel's own server, which is told what programs would tell it if there were any (exportfs, rpc.mountd).
fn nfs() -> Result<()> {
    let exported = format!("{FILES}/exported");
    fs::create_dir(&exported)?;
    fs::set_permissions(&exported, Permissions::from_mode(0o1777))?;
    let server = "/proc/fs/nfsd";
    let tell = |file: &str, what: &str| fs::write(file, what).with_context(|| format!("{what:?} to {file}"));
    // Ends the one of a try before. If there is none it would start, with a portmapper.
    let _ = tell(&format!("{server}/threads"), "0\n");
    // Version 4 alone needs no portmapper. Newer kernels have no 2.
    let _ = tell(&format!("{server}/versions"), "-2\n");
    tell(&format!("{server}/versions"), "-3 +4\n")?;
    let (for_ever, domain) = (i32::MAX, "test");
    // NFSEXP_INSECURE_PORT, NFSEXP_NOSUBTREECHECK, NFSEXP_FSID; and the root of all that is exported has the number 0.
    let flags = 0x2 | 0x400 | 0x2000;
    tell("/proc/net/rpc/auth.unix.ip/channel", &format!("nfsd 127.0.0.1 {for_ever} {domain}\n"))?;
    tell("/proc/net/rpc/nfsd.export/channel", &format!("{domain} {exported} {for_ever} {flags} 65534 65534 0\n"))?;
    tell("/proc/net/rpc/nfsd.fh/channel", &format!("{domain} 1 \\x00000000 {for_ever} {exported}\n"))?;
    // For so many seconds, and no fewer, it waits for those who had locks before it began.
    for file in ["nfsv4leasetime", "nfsv4gracetime"] {
        tell(&format!("{server}/{file}"), "10\n")?;
    }
    // 7.x takes no port by itself.
    tell(&format!("{server}/portlist"), "tcp 2049\n")?;
    tell(&format!("{server}/threads"), "2\n")?;
    let options = "addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.2,sec=sys";
    mount(Some("127.0.0.1:/"), MOUNTED, Some("nfs4"), MsFlags::empty(), Some(options)).context("mount -t nfs4")?;
    Ok(fs::write(format!("{MOUNTED}/first"), "")?)
}
