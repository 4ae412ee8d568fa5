//! The guest's root file system.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Kernel;

/// The guest's root file system, kept in memory, and its disks.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// By path without the leading `/`, so that a directory comes before what it holds.
    entries: BTreeMap<String, Entry>,
    /// Lines of `/cbpf-modules`.
    modules: Vec<String>,
    /// Megabytes of each.
    pub(super) disks: Vec<u64>,
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
pub const MODULE_LIST: &str = "/cbpf-modules";
/// Where `guest-init` finds what to run: the marker and the arguments, each ended by a NUL.
pub const COMMAND: &str = "/cbpf-run";

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
    pub(super) fn cpio(&self, command: Vec<u8>) -> Vec<u8> {
        let file = |mode, data| Entry { mode: libc::S_IFREG | mode, uid: 0, data };
        let mut out = Vec::new();
        let mut inode = 0;
        let mut add = |path: &str, entry: &Entry| {
            inode += 1;
            let path = path.trim_start_matches('/');
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

#[cfg(test)]
mod tests {
    use super::*;

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
