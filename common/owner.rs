//! Whose events a user may see: scopes, narrowing, and the record that the filter in the kernel reads.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::events::{cbpf_owner, cbpf_scope, viewer_extent};
use nix::unistd::{getgid, getpid, getuid};

use crate::engine;
use crate::grant::ScopeRefused;
use crate::proc::{self, Mount, Status};
use crate::token::Token;

/// Id of the root of all cgroups, which a cgroup namespace need not call `/`: the first that kernfs gives.
const ROOT_CGROUP: u64 = 1;

/// How far a user may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Tasks under the viewer's own uid.
    User,
    /// Tasks in the viewer's pid namespace or, where that is the host's, in its cgroup.
    Container,
    /// Everything.
    Host,
}

impl Scope {
    /// Its number in messages.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The scope of that number.
    pub fn numbered(n: u8) -> Option<Self> {
        [Self::User, Self::Container, Self::Host].into_iter().find(|scope| *scope as u8 == n)
    }

    /// Its name, as typed and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Container => "container",
            Self::Host => "host",
        }
    }
}

impl FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::User, Self::Container, Self::Host]
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| "use user, container or host".into())
    }
}

/// Narrowing inside a scope. Ids are the viewer's.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    /// Thread groups (`-p`), at most 32; none: all.
    pub pids: Vec<u32>,
    /// Threads (`-t`), at most 32; none: all.
    pub tids: Vec<u32>,
    /// One uid (`-u`).
    pub uid: Option<u32>,
    /// One cgroup and what is below it (`-c`).
    pub cgroup: Option<PathBuf>,
    /// Only the process tree of a command (`-- COMMAND`).
    pub family: bool,
}

/// Who looks: the process that cbpf runs as, in its namespaces.
#[derive(Clone, Debug, Default)]
pub struct Viewer {
    /// Real uid as the kernel sees it.
    pub uid: u32,
    /// And real gid.
    pub gid: u32,
    /// Permitted capabilities, a bit for each.
    pub caps: u64,
    /// Inode number of its user namespace.
    pub userns: u32,
    /// Is it root of its own user namespace?
    pub root: bool,
    /// Inode number of its pid namespace.
    pub pidns: u32,
    /// Depth of its pid namespace; 0 is the initial one.
    pub level: u32,
    /// Its own tgid in the initial pid namespace.
    pub tgid: u32,
    /// Is its user namespace the initial one?
    pub init_userns: bool,
    /// Id of the root of its cgroup namespace, if that is not the initial one.
    pub cgroup_root: Option<u64>,
    /// How its user namespace numbers the kernel's uids.
    pub uids: UidMap,
}

/// The translation of uids between the kernel and a user namespace.
#[derive(Clone, Debug, Default)]
pub struct UidMap(pub(crate) Option<Vec<viewer_extent>>);

impl UidMap {
    /// The kernel's uid as the namespace numbers it; `None` where it has no number there.
    pub fn inside(&self, kernel: u32) -> Option<u32> {
        let Some(map) = &self.0 else { return Some(kernel) };
        map.iter().find_map(|e| kernel.checked_sub(e.lower).filter(|n| *n < e.count).map(|n| e.first + n))
    }

    /// The ranges of the map; `None` for the initial user namespace.
    pub fn extents(&self) -> Option<&[viewer_extent]> {
        self.0.as_deref()
    }

    /// The kernel's uid behind a number of the namespace.
    pub fn kernel(&self, inside: u32) -> Option<u32> {
        let Some(map) = &self.0 else { return Some(inside) };
        map.iter().find_map(|e| inside.checked_sub(e.first).filter(|n| *n < e.count).map(|n| e.lower + n))
    }
}

/// How the user namespace of a process numbers uids, as the caller sees them.
pub fn uid_map(pid: u32) -> Result<UidMap> {
    let path = format!("/proc/{pid}/uid_map");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let extents = text.lines().map(extent).collect::<Option<_>>().with_context(|| format!("{path}: {text}"))?;
    Ok(UidMap(Some(extents)))
}

fn extent(line: &str) -> Option<viewer_extent> {
    let mut numbers = line.split_whitespace().map(str::parse);
    let extent =
        viewer_extent { first: numbers.next()?.ok()?, lower: numbers.next()?.ok()?, count: numbers.next()?.ok()? };
    numbers.next().is_none().then_some(extent)
}

/// Is the caller's user namespace the initial one?
pub fn in_init_userns() -> Result<bool> {
    Ok(proc::namespace("self", "user")? == proc::INIT_USER_NS)
}

/// Is the caller's pid namespace the initial one?
pub fn in_init_pidns() -> Result<bool> {
    Ok(proc::namespace("self", "pid")? == proc::INIT_PID_NS)
}

impl Viewer {
    /// The calling process. In the initial namespaces /proc tells everything; elsewhere a small program, run once
    /// in our own context, looks from inside the kernel.
    pub fn current(token: Option<&Token>) -> Result<Self> {
        let pidns = proc::namespace("self", "pid")?;
        let userns = proc::namespace("self", "user")?;
        let init_userns = userns == proc::INIT_USER_NS;
        let caps = Status::of("self")?.permitted;
        if pidns == proc::INIT_PID_NS && init_userns {
            return Ok(Self {
                uid: getuid().as_raw(),
                gid: getgid().as_raw(),
                caps,
                userns: userns as u32,
                root: getuid().is_root(),
                pidns: pidns as u32,
                level: 0,
                tgid: getpid().as_raw().unsigned_abs(),
                init_userns,
                cgroup_root: None,
                uids: UidMap(None),
            });
        }
        let info = engine::describe_caller(token)?;
        ensure!(u64::from(info.pidns) == pidns, "the kernel and /proc disagree about the pid namespace");
        let extents = info.map.iter().take(info.extents as usize).copied().collect();
        Ok(Self {
            uid: info.uid,
            gid: info.gid,
            caps,
            userns: info.userns,
            root: getuid().is_root(),
            pidns: info.pidns,
            level: info.level,
            tgid: info.tgid,
            init_userns,
            cgroup_root: (info.own_cgroupns == 1).then_some(info.cgroup),
            uids: UidMap(if init_userns { None } else { Some(extents) }),
        })
    }

    /// Real root of the machine, as far as can be told: not root of a container that shares the user namespace.
    pub fn host_root(&self) -> bool {
        self.root && self.init_userns && self.level == 0
    }

    /// The record for `scope`; an error says why this viewer cannot have it.
    pub fn record(&self, scope: Scope, narrow: &Narrow) -> Result<cbpf_owner> {
        self.record_in(scope, narrow, || cgroup_of("self"))
    }

    /// The same for a viewer that is another process, in the cgroup that `cgroup` knows.
    pub fn record_in(&self, scope: Scope, narrow: &Narrow, cgroup: impl FnOnce() -> Result<u64>) -> Result<cbpf_owner> {
        let mut record = cbpf_owner {
            pidns: self.pidns,
            level: self.level,
            userns: self.userns,
            uid: self.uid,
            gid: self.gid,
            caps: self.caps,
            self_: self.tgid,
            family: narrow.family.into(),
            ..Default::default()
        };
        record.scope = match scope {
            Scope::User => cbpf_scope::CBPF_USER,
            Scope::Host => cbpf_scope::CBPF_HOST,
            Scope::Container if self.level > 0 => {
                record.io_cgroup = self.cgroup_root.unwrap_or(0);
                cbpf_scope::CBPF_PIDNS
            }
            Scope::Container => {
                record.cgroup = cgroup()?;
                record.io_cgroup = record.cgroup;
                cbpf_scope::CBPF_CGROUP
            }
        }
        .0;
        fill(&mut record.pids, &mut record.npids, &narrow.pids, "-p")?;
        fill(&mut record.tids, &mut record.ntids, &narrow.tids, "-t")?;
        if let Some(uid) = narrow.uid {
            record.only_uid =
                self.uids.kernel(uid).with_context(|| format!("-u: no uid {uid} in this user namespace"))?;
            record.has_only_uid = 1;
        }
        if let Some(path) = &narrow.cgroup {
            record.in_cgroup = cgroup_id(path).context("--cgroup")?;
        }
        Ok(record)
    }
}

fn fill(to: &mut [u32], n: &mut u32, ids: &[u32], option: &str) -> Result<()> {
    ensure!(ids.len() <= to.len(), "{option}: at most {} ids", to.len());
    to[..ids.len()].copy_from_slice(ids);
    *n = ids.len() as u32;
    Ok(())
}

/// The directory of a cgroup that `/proc/PID/cgroup` names. That and `/proc/self/mountinfo` give paths as our cgroup
/// namespace has them, and what a mount shows begins at its root: below the namespace's, or above it (`/..`).
fn cgroup_dir(mounts: &[Mount], cgroup: &str) -> Result<PathBuf> {
    let shown = |mount: &Mount| Some(mount.point.join(Path::new(cgroup).strip_prefix(&mount.root).ok()?));
    let mut dirs = mounts.iter().filter(|mount| mount.fs == "cgroup2").filter_map(shown);
    dirs.next().with_context(|| format!("no cgroup v2 file system is mounted that shows the cgroup {cgroup}"))
}

/// The kernfs id of a cgroup v2 directory: its inode number (kernfs_ino(), 64 bit since 5.5).
pub(crate) fn cgroup_id(path: &Path) -> Result<u64> {
    let meta = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    ensure!(
        meta.is_dir() && path.join("cgroup.procs").exists() && path.join("cgroup.controllers").exists(),
        "{} is not a directory of a cgroup v2 file system",
        path.display()
    );
    Ok(meta.ino())
}

/// The directory of a cgroup, for `--cgroup`.
pub fn parse_cgroup(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    cgroup_id(&path).map(|_| path).map_err(|e| format!("{e:#}"))
}

/// The cgroup of a process. The root is refused: its subtree is the whole machine.
pub fn cgroup_of(process: impl Display + Copy) -> Result<u64> {
    let path = proc::cgroup(process)?.context("no cgroup v2 on this kernel")?;
    ensure!(!path.split('/').any(|part| part == ".."), "/proc/{process}/cgroup: outside of this cgroup namespace");
    let id = cgroup_id(&cgroup_dir(&proc::mounts("self")?, &path)?)?;
    if id == ROOT_CGROUP {
        return Err(ScopeRefused(
            "--scope container: this process is in the host's pid namespace and in the root cgroup, so there is no \
             container to speak of. Start cbpf inside the container, or in a cgroup of its own"
                .into(),
        )
        .into());
    }
    Ok(id)
}

/// The uid of an account or a number, for `-u`. Reads /etc/passwd; other name services are not asked.
pub fn parse_uid(text: &str) -> Result<u32, String> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    passwd
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(text)).then(|| fields.nth(1))?
        })
        .and_then(|uid| uid.parse().ok())
        .ok_or_else(|| "neither a uid nor an account of /etc/passwd".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_outside_the_map_has_no_number_inside() {
        let map = UidMap(Some(vec![
            viewer_extent { first: 0, lower: 1000, count: 1 },
            viewer_extent { first: 1, lower: 100_000, count: 65_536 },
        ]));
        assert_eq!(map.inside(1000), Some(0));
        assert_eq!(map.inside(100_032), Some(33));
        assert_eq!(map.inside(1001), None);
        assert_eq!(map.kernel(33), Some(100_032));
        assert_eq!(map.kernel(70_000), None);
        assert_eq!(UidMap(None).inside(7), Some(7));
    }

    #[test]
    fn a_cgroup_is_where_a_mount_shows_it() {
        let mount = |root: &str| {
            let [root, point] = [root, "/sys/fs/cgroup"].map(PathBuf::from);
            Mount { device: String::new(), root, point, fs: "cgroup2".into(), options: String::new() }
        };
        let dir = |root, cgroup| cgroup_dir(&[mount(root)], cgroup).ok();
        assert_eq!(dir("/", "/a/b"), Some("/sys/fs/cgroup/a/b".into()));
        assert_eq!(dir("/", "/"), Some("/sys/fs/cgroup/".into()));
        assert_eq!(dir("/a", "/a/b"), Some("/sys/fs/cgroup/b".into()));
        assert_eq!(dir("/a", "/ab"), None);
        // The host's, in a cgroup namespace: it has another `/x`.
        assert_eq!(dir("/..", "/x"), None);
        assert_eq!(cgroup_dir(&[mount("/.."), mount("/")], "/x").ok(), Some("/sys/fs/cgroup/x".into()));
    }

    #[test]
    fn a_record_owns_nobody_until_it_is_filled_in() {
        assert_eq!(cbpf_owner::default().scope, cbpf_scope::CBPF_NOBODY.0);
    }
}
