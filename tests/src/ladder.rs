//! The kernel ladder: runs a command under other kernels than this machine's.
//!
//! [`fetch`] gets a Debian cloud kernel with apt, [`Image`] collects what the guest's root file
//! system holds, and [`boot`] starts both in qemu, with `guest-init` as the first process, and
//! returns what the command wrote and its exit status. Nothing is installed and nothing needs
//! root; the machine needs Debian's apt sources and the packages qemu-system-x86, kmod, xz-utils
//! and zstd.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{Flock, FlockArg};

/// One kernel series of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// The series, such as `5.10`; an `x` stands for any number.
    pub name: &'static str,
    /// The Debian suite that ships it.
    pub suite: &'static str,
}

/// The kernels that the tests run on, oldest first.
pub const RUNGS: &[Rung] = &[
    Rung { name: "5.10", suite: "bullseye" },
    Rung { name: "6.1", suite: "bookworm" },
    Rung { name: "6.12", suite: "trixie" },
    Rung { name: "7.x", suite: "sid" },
];

/// An unpacked kernel package.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// What `uname -r` says under it.
    pub release: String,
    /// The bootable image.
    pub vmlinuz: PathBuf,
    /// Its `lib/modules/RELEASE`.
    pub modules: PathBuf,
}

impl Kernel {
    /// Finds the kernel in an unpacked package.
    fn open(root: &Path) -> Result<Self> {
        let parent = root.join("lib/modules");
        let mut entries = fs::read_dir(&parent).with_context(|| format!("cannot list {parent:?}"))?;
        let entry = entries.next().with_context(|| format!("{parent:?} is empty"))??;
        let release = entry.file_name().into_string().ok().context("the name of a release is not UTF-8")?;
        let (modules, boot) = (entry.path(), root.join("boot"));
        // Newer packages (7.2, not 6.12) have all in one place.
        let find = |name: &str| match modules.join(name) {
            path if path.exists() => path,
            _ => boot.join(format!("{name}-{release}")),
        };
        Ok(Self { vmlinuz: find("vmlinuz"), release, modules })
    }
}

// ---- Fetching ----

/// Unpacks the newest cloud kernel of `rung` into `cache_dir`, from the network only if it is not
/// there yet.
pub fn fetch(rung: Rung, cache_dir: &Path) -> Result<Kernel> {
    let dest = cache_dir.join(rung.name);
    if !dest.exists() {
        let work = cache_dir.join(format!(".{}", rung.name));
        fs::create_dir_all(cache_dir).with_context(|| format!("cannot create {cache_dir:?}"))?;
        // One downloads, others that come meanwhile wait; it lasts until the file is closed.
        let lock = File::create(cache_dir.join(format!(".{}.lock", rung.name)))?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e)?;
        if !dest.exists() {
            let _ = fs::remove_dir_all(&work); // Left by one that was interrupted.
            fs::create_dir_all(&work)?;
            // apt runs in another folder.
            download(rung, &work.canonicalize()?)
                .and_then(|root| Ok(fs::rename(root, &dest)?))
                .with_context(|| format!("cannot fetch the {} kernel", rung.name))?;
        }
        let _ = fs::remove_dir_all(&work);
    }
    Kernel::open(&dest)
}

/// Downloads and unpacks the packages below `work`; returns the unpacked root.
fn download(rung: Rung, work: &Path) -> Result<PathBuf> {
    let conf = apt_config(rung, work)?;
    let apt = |tool: &str| {
        let mut command = Command::new(tool);
        command.arg("-c").arg(&conf).current_dir(work);
        command
    };

    // Sources that do not have the suite make it fail, and do not matter as long as one does.
    let update = apt("apt-get").arg("update").output().context("cannot run apt-get")?;
    let newest = (|| {
        let prefix = format!("linux-image-{}.", rung.name.trim_end_matches(".x"));
        let names = run(apt("apt-cache").args(["pkgnames", &prefix]))?;
        let names: Vec<&str> = names.lines().filter(|n| n.ends_with("-cloud-amd64")).collect();
        ensure!(!names.is_empty(), "{} has no package {prefix}*-cloud-amd64", rung.suite);
        newest_version(&run(apt("apt-cache").arg("madison").args(names))?)
    })();
    let (name, version) =
        newest.with_context(|| format!("apt-get update said: {}", String::from_utf8_lossy(&update.stderr).trim()))?;

    // In newer suites linux-image-RELEASE is empty and needs linux-binary-RELEASE and others.
    let wanted = format!("{name}={version}");
    let release = name.trim_start_matches("linux-image-");
    let about = run(apt("apt-cache").args(["show", &wanted]))?;
    let mut packages = vec![wanted.clone()];
    for dependency in about.lines().find_map(|l| l.strip_prefix("Depends: ")).unwrap_or("").split(", ") {
        let dependency = dependency.split(' ').next().unwrap_or("");
        if dependency.starts_with("linux-") && dependency.ends_with(release) {
            packages.push(format!("{dependency}={version}"));
        }
    }
    run(apt("apt-get").arg("download").args(packages))?;

    let root = work.join("root");
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "deb") {
            run(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&root))?;
        }
    }
    // Newer packages say usr/lib, and depmod wants lib.
    if !root.join("lib/modules").exists() {
        std::os::unix::fs::symlink("usr/lib", root.join("lib"))?;
    }
    let kernel = Kernel::open(&root)?;
    run(Command::new("depmod").env("PATH", PATH).arg("-b").arg(&root).arg(&kernel.release))?;
    Ok(root)
}

/// depmod is in sbin, which not every user's PATH has.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Writes an apt configuration with state, cache and sources of its own below `work`, so that the
/// machine's package lists stay as they are. The machine's other settings, such as a proxy, hold.
fn apt_config(rung: Rung, work: &Path) -> Result<PathBuf> {
    let uris = debian_uris(&read_sources()?, &os_codename()?);
    ensure!(!uris.is_empty(), "the machine's apt sources have no Debian archive");
    // This one holds the keys of all suites; Signed-By of the machine's source may hold one's only.
    let keys = ["gpg", "pgp"].map(|e| format!("/usr/share/keyrings/debian-archive-keyring.{e}"));
    let keys = keys.iter().find(|k| Path::new(k).exists()).context("no debian-archive-keyring")?;
    let mut sources = String::new();
    for (uri, security) in uris {
        let suite = rung.suite;
        match (security, suite) {
            (true, "sid") => {} // It has no security suite.
            (true, _) => writeln!(sources, "deb [signed-by={keys}] {uri} {suite}-security main")?,
            (false, _) => writeln!(sources, "deb [signed-by={keys}] {uri} {suite} main")?,
        }
    }

    fs::create_dir_all(work.join("state/lists/partial"))?;
    fs::create_dir_all(work.join("cache/archives/partial"))?;
    fs::write(work.join("sources.list"), sources)?;
    let conf = work.join("apt.conf");
    let dir = work.display();
    let text = format!(
        r#"Dir::State "{dir}/state";
Dir::Cache "{dir}/cache";
Dir::Etc::sourcelist "{dir}/sources.list";
Dir::Etc::sourceparts "-";
// The machine's sources may be a dated copy of the archive.
Acquire::Check-Valid-Until "false";
// Only the list of packages, and nothing done on the machine after it.
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
// The usual user of downloads may have no right to read this folder.
APT::Sandbox::User "root";
"#
    );
    fs::write(&conf, text)?;
    Ok(conf)
}

/// The text of all of the machine's apt sources.
fn read_sources() -> Result<String> {
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        for entry in entries {
            paths.push(entry?.path());
        }
    }
    let mut text = String::new();
    for path in paths {
        if path.extension().is_some_and(|e| e == "list" || e == "sources") && path.exists() {
            text += &fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
            text.push_str("\n\n");
        }
    }
    Ok(text)
}

/// The machine's Debian release, which is also the name of its suite.
fn os_codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = text.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME="));
    Ok(name.context("/etc/os-release names no release")?.trim_matches('"').to_owned())
}

/// The archives in `sources`, of either format, that have the suite `codename` (false) or its
/// security suite (true). Others' repositories name their suites otherwise.
fn debian_uris(sources: &str, codename: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut add = |uris: &[&str], suites: &[&str]| {
        for suite in suites {
            let security = match suite.strip_prefix(codename) {
                Some("") => false,
                Some("-security" | "/updates") => true,
                _ => continue,
            };
            for uri in uris {
                let entry = ((*uri).to_owned(), security);
                if !found.contains(&entry) {
                    found.push(entry);
                }
            }
        }
    };
    for stanza in sources.split("\n\n") {
        let (mut uris, mut suites) = (Vec::new(), Vec::new());
        for line in stanza.lines() {
            let (key, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            match key {
                "deb" => {
                    // deb [options] URI SUITE COMPONENT...
                    let rest = rest.trim_start();
                    let rest = match rest.strip_prefix('[') {
                        Some(options) => options.split_once(']').map_or("", |(_, r)| r),
                        None => rest,
                    };
                    let mut words = rest.split_whitespace();
                    if let (Some(uri), Some(suite)) = (words.next(), words.next()) {
                        add(&[uri], &[suite]);
                    }
                }
                "URIs:" => uris = rest.split_whitespace().collect(),
                "Suites:" => suites = rest.split_whitespace().collect(),
                _ => {}
            }
        }
        add(&uris, &suites);
    }
    found
}

/// The package with the highest version in the output of `apt-cache madison`.
fn newest_version(madison: &str) -> Result<(String, String)> {
    let mut best: Option<(&str, &str)> = None;
    for line in madison.lines() {
        let mut columns = line.split('|').map(str::trim);
        let (Some(name), Some(version)) = (columns.next(), columns.next()) else {
            continue;
        };
        let newer = match best {
            None => true,
            Some((_, old)) => Command::new("dpkg")
                .args(["--compare-versions", version, "gt", old])
                .status()
                .context("cannot run dpkg")?
                .success(),
        };
        if newer {
            best = Some((name, version));
        }
    }
    let (name, version) = best.context("no version of the kernel can be downloaded")?;
    Ok((name.to_owned(), version.to_owned()))
}

/// Runs a program to its end; its output, or an error with what it wrote to standard error.
fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let out = command.output().with_context(|| format!("cannot run {program:?}"))?;
    let stderr = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{program:?} failed ({}): {}", out.status, stderr.trim());
    String::from_utf8(out.stdout).with_context(|| format!("{program:?} wrote no valid UTF-8"))
}

// ---- The guest's root file system ----

/// The guest's root file system, kept in memory, and its disks.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// By path without the leading `/`, so that a directory comes before what it holds.
    entries: BTreeMap<String, Entry>,
    /// Lines of `/cbpf-modules`.
    modules: Vec<String>,
    disks: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// File type and permissions, as in `st_mode`.
    mode: u32,
    uid: u32,
    /// What a file holds or a symbolic link points to.
    data: Vec<u8>,
}

/// Where `guest-init` finds the modules to load: `PATH [PARAMETER=VALUE...]` lines.
const MODULE_LIST: &str = "cbpf-modules";
/// Where `guest-init` finds what to run: the marker and the arguments, each ended by a NUL.
const COMMAND: &str = "cbpf-run";

impl Image {
    /// An image that holds only `guest-init`, the program at `init`.
    pub fn new(init: &Path) -> Result<Self> {
        let mut image = Self::default();
        for dir in ["dev", "proc", "sys", "run", "root", "etc"] {
            image.add_dir(dir, 0o755, 0);
        }
        image.add_dir("tmp", 0o1777, 0);
        image.add_elf(init, "init")?;
        Ok(image)
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        let path = path.trim_start_matches('/');
        for (at, _) in path.match_indices('/') {
            let dir = Entry { mode: libc::S_IFDIR | 0o755, uid: 0, data: Vec::new() };
            self.entries.entry(path[..at].to_owned()).or_insert(dir);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Adds a directory, owned by `uid` and the group of the same number. Directories above it are
    /// made as needed, root's and with mode 755; so are those of files and links.
    pub fn add_dir(&mut self, path: &str, mode: u32, uid: u32) {
        self.insert(path, Entry { mode: libc::S_IFDIR | mode, uid, data: Vec::new() });
    }

    /// Adds a file that holds `data`.
    pub fn add_file(&mut self, path: &str, mode: u32, uid: u32, data: impl Into<Vec<u8>>) {
        self.insert(path, Entry { mode: libc::S_IFREG | mode, uid, data: data.into() });
    }

    /// Adds a program under the path that it has here, with the libraries that it needs.
    pub fn add_program(&mut self, path: &Path) -> Result<()> {
        let dest = path.to_str().context("a program's path is not UTF-8")?;
        ensure!(path.is_absolute(), "{dest} is no absolute path");
        self.add_elf(path, dest)
    }

    fn add_elf(&mut self, path: &Path, dest: &str) -> Result<()> {
        self.copy(path, dest)?;
        // It fails for a program that needs none; a broken one is found when it runs.
        let out = Command::new("ldd").arg(path).output().context("cannot run ldd")?;
        for line in String::from_utf8_lossy(&out.stdout).lines() {
            // `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)` for the loader.
            let Some((library, _)) = line.rsplit_once(" (") else {
                continue;
            };
            let library = library.rsplit("=> ").next().unwrap_or(library).trim();
            ensure!(!library.contains("not found"), "{path:?} lacks a library: {library}");
            if library.starts_with('/') {
                self.copy(Path::new(library), library)?;
            }
        }
        Ok(())
    }

    fn copy(&mut self, path: &Path, dest: &str) -> Result<()> {
        let data = fs::read(path).with_context(|| format!("cannot read {path:?}"))?;
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        self.add_file(dest, mode, 0, data);
        Ok(())
    }

    /// Adds modules, which the guest loads in this order, each after those that it needs. A name may
    /// be followed by parameters: `"null_blk nr_devices=2"`. Returns those that the kernel does not
    /// have; built-in ones count as there.
    pub fn add_modules(&mut self, kernel: &Kernel, names: &[&str]) -> Result<Vec<String>> {
        let index = ModuleIndex::open(&kernel.modules)?;
        let mut missing = Vec::new();
        for line in names {
            let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
            let mut order = Vec::new();
            if index.resolve(name, &mut HashSet::new(), &mut order) {
                let last = order.len().saturating_sub(1);
                for (i, path) in order.into_iter().enumerate() {
                    self.add_module(kernel, path, if i == last { parameters } else { "" })?;
                }
            } else {
                missing.push(name.to_owned());
            }
        }
        Ok(missing)
    }

    fn add_module(&mut self, kernel: &Kernel, path: &str, parameters: &str) -> Result<()> {
        let file = kernel.modules.join(path);
        let (stem, unpack) = match path.rsplit_once('.') {
            Some((stem, "xz")) => (stem, "xz"),
            Some((stem, "zst")) => (stem, "zstd"),
            Some((stem, "gz")) => (stem, "gzip"),
            _ => (path, ""),
        };
        let dest = format!("lib/modules/{}/{stem}", kernel.release);
        if self.entries.contains_key(&dest) {
            return Ok(()); // Another module needed it.
        }
        let data = if unpack.is_empty() {
            fs::read(&file).with_context(|| format!("cannot read {file:?}"))?
        } else {
            let out = Command::new(unpack).arg("-dc").arg(&file).output();
            let out = out.with_context(|| format!("cannot run {unpack}"))?;
            ensure!(out.status.success(), "{unpack} cannot unpack {file:?}");
            out.stdout
        };
        self.modules.push(format!("/{dest} {parameters}\n"));
        self.add_file(&dest, 0o644, 0, data);
        Ok(())
    }

    /// Adds an empty disk of `megabytes`: the first is `/dev/vda`. Wants the modules `virtio_pci` and
    /// `virtio_blk`.
    pub fn add_disk(&mut self, megabytes: u64) {
        self.disks.push(megabytes);
    }

    /// The image as a cpio archive of the "newc" format, with `command` in it.
    fn cpio(&self, command: Vec<u8>) -> Vec<u8> {
        let file = |mode, data| Entry { mode: libc::S_IFREG | mode, uid: 0, data };
        let mut out = Vec::new();
        let mut inode = 0;
        let mut add = |path: &str, entry: &Entry| {
            inode += 1;
            let &Entry { mode, uid, ref data } = entry;
            let (mode, uid) = (mode as usize, uid as usize);
            // Inode, mode, uid, gid, links, time, size, device and rdev (two each), name, checksum.
            let fields = [inode, mode, uid, uid, 1, 0, data.len(), 0, 0, 0, 0, path.len() + 1, 0];
            out.extend_from_slice(b"070701");
            for field in fields {
                out.extend_from_slice(format!("{field:08x}").as_bytes());
            }
            out.extend_from_slice(path.as_bytes());
            out.push(0);
            out.resize(out.len().next_multiple_of(4), 0);
            out.extend_from_slice(data);
            out.resize(out.len().next_multiple_of(4), 0);
        };
        for (path, entry) in &self.entries {
            add(path, entry);
        }
        add(MODULE_LIST, &file(0o600, self.modules.concat().into_bytes()));
        add(COMMAND, &file(0o600, command));
        add("TRAILER!!!", &Entry { mode: 0, uid: 0, data: Vec::new() });
        out
    }
}

/// What depmod wrote about a kernel's modules.
struct ModuleIndex {
    /// By module name: the path and the paths of those that it needs, in reverse order of loading.
    paths: BTreeMap<String, (String, Vec<String>)>,
    builtin: HashSet<String>,
    /// `softdep MODULE pre: NAME...` and `alias NAME MODULE` lines.
    soft: Vec<(String, Vec<String>)>,
    aliases: Vec<(String, String)>,
}

impl ModuleIndex {
    fn open(dir: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))
        };
        let mut paths = BTreeMap::new();
        for line in read("modules.dep")?.lines() {
            let Some((path, needs)) = line.split_once(':') else {
                continue;
            };
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            paths.insert(module_name(path), (path.to_owned(), needs));
        }
        let builtin = read("modules.builtin")?.lines().map(module_name).collect();
        let mut soft = Vec::new();
        for line in read("modules.softdep")?.lines() {
            let mut words = line.split_whitespace().skip(1);
            let Some(module) = words.next() else { continue };
            let pre = words.skip_while(|w| *w != "pre:").skip(1).take_while(|w| *w != "post:");
            soft.push((module.to_owned(), pre.map(str::to_owned).collect()));
        }
        let mut aliases = Vec::new();
        for line in read("modules.alias")?.lines() {
            let mut words = line.split_whitespace().skip(1);
            if let (Some(alias), Some(module)) = (words.next(), words.next()) {
                aliases.push((alias.to_owned(), module.to_owned()));
            }
        }
        Ok(Self { paths, builtin, soft, aliases })
    }

    /// Appends to `order` the paths to load for `name`; false if there is no such module.
    fn resolve<'a>(&'a self, name: &str, seen: &mut HashSet<String>, order: &mut Vec<&'a str>) -> bool {
        let key = module_name(name);
        if self.builtin.contains(&key) || !seen.insert(key.clone()) {
            return true;
        }
        if let Some((path, needs)) = self.paths.get(&key) {
            // What a module asks for at run time (ext4 a checksum, say): it may do without.
            for (_, pre) in self.soft.iter().filter(|(module, _)| *module == key) {
                for name in pre {
                    self.resolve(name, seen, order);
                }
            }
            for path in needs.iter().rev() {
                self.resolve(&module_name(path), seen, order);
            }
            order.push(path);
            return true;
        }
        let mut found = false;
        for (_, module) in self.aliases.iter().filter(|(alias, _)| alias == name) {
            found |= self.resolve(module, seen, order);
        }
        found
    }
}

/// `kernel/fs/ext4/ext4.ko.xz` as the kernel calls it. A name has no `-`, unlike its file.
fn module_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split(".ko").next().unwrap_or(name).replace('-', "_")
}

// ---- Running ----

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_both_formats() {
        let text = "# deb file:/off b main\n\
            deb [arch=amd64 signed-by=/k] file:/one b main\n\
            deb-src file:/one b main\n\
            deb file:/other stable main\n\
            \n\
            Types: deb\nURIs: file:/two\nSuites: b b-updates\nComponents: main\n\
            \n\
            URIs: file:/security\n# a comment\nSuites: b-security\n";
        let entry = |uri: &str, security| (uri.to_owned(), security);
        let expected = [entry("file:/one", false), entry("file:/two", false), entry("file:/security", true)];
        assert_eq!(debian_uris(text, "b"), expected);
    }

    #[test]
    fn module_names() {
        assert_eq!(module_name("kernel/drivers/block/virtio-blk.ko.xz"), "virtio_blk");
        assert_eq!(module_name("ext4"), "ext4");
    }

    #[test]
    fn archive_has_parents_first_and_is_aligned() {
        let mut image = Image::default();
        image.add_file("/a/b/c", 0o644, 7, "text");
        let archive = image.cpio(Vec::new());
        assert_eq!(archive.len() % 4, 0);
        let at = |path: &str| {
            let name = format!("{path}\0");
            archive.windows(name.len()).position(|w| w == name.as_bytes())
        };
        assert!(at("a") < at("a/b") && at("a/b") < at("a/b/c") && at("a/b/c") < at("TRAILER!!!"));
        assert!(archive.starts_with(b"070701"));
    }
}
