//! Functions: which file of user programs has them, and where in it; and whether the kernel has one.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use blazesym::inspect::Inspector;
use blazesym::inspect::source::{Elf, Source};

use crate::engine::{UserFunctions, is_function};
use crate::features;

/// Those of the functions `names` that an ELF file has, by its symbols; `None` if it has none of them.
pub fn find(mut file: File, names: &[&str]) -> Result<Option<UserFunctions>> {
    let mut ident = [0; 5];
    file.read_exact(&mut ident).context("not an ELF file")?;
    file.rewind()?;
    match ident {
        [0x7f, b'E', b'L', b'F', 2] => {}
        [0x7f, b'E', b'L', b'F', _] => bail!("a 32-bit file; only calls of 64-bit code can be read"),
        _ => bail!("not an ELF file"),
    }
    // By the descriptor: the symbols must be those of the file that is probed, whatever now has its name.
    let mut elf = Elf::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
    elf.debug_syms = false;
    let inspector = Inspector::new();
    let found = inspector.lookup(&Source::Elf(elf), names).context("cannot read its symbols")?;
    let mut offsets: Vec<u64> = found.iter().flatten().filter_map(|symbol| symbol.file_offset).collect();
    offsets.sort_unstable();
    offsets.dedup(); // one function under several versions or names
    Ok((!offsets.is_empty()).then_some(UserFunctions { file, offsets }))
}

/// The file that a process (`self`, or a pid) has mapped and whose name is `wanted`.
pub fn mapped(process: &str, wanted: impl Fn(&str) -> bool) -> Result<Option<File>> {
    let proc = Path::new("/proc").join(process);
    let maps = proc.join("maps");
    let maps = fs::read_to_string(&maps).with_context(|| format!("cannot read {}", maps.display()))?;
    let Some(mapping) = mapping(&maps, wanted) else { return Ok(None) };
    // The kernel prints the path from our root if it is below that, else from the root of the mounts it is in. The
    // last one is the mapped file itself, but few may open it.
    let candidates = [
        proc.join("root").join(mapping.path.trim_start_matches('/')),
        mapping.path.into(),
        proc.join("map_files").join(mapping.range),
    ];
    let mut opened: Vec<_> = candidates.iter().map(|path| open(path)).collect();
    let is_it = |file: &Result<File>| {
        file.as_ref().is_ok_and(|file| file.metadata().is_ok_and(|status| status.ino() == mapping.inode))
    };
    let at = match opened.iter().position(is_it) {
        Some(at) => at,
        None if mapping.deleted => {
            bail!("{} was replaced since process {process} started: restart that process", mapping.path)
        }
        // On some file systems, overlays among them, the two numbers differ.
        None => opened.iter().position(Result::is_ok).unwrap_or(0),
    };
    opened.swap_remove(at).map(Some)
}

/// Opens a file; the error names it.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}

/// A line of `/proc/PID/maps`.
struct Mapping<'a> {
    range: &'a str,
    inode: u64,
    path: &'a str,
    deleted: bool,
}

fn mapping(maps: &str, wanted: impl Fn(&str) -> bool) -> Option<Mapping<'_>> {
    maps.lines().filter_map(parse).find(|mapping| mapping.path.rsplit_once('/').is_some_and(|(_, name)| wanted(name)))
}

fn parse(line: &str) -> Option<Mapping<'_>> {
    // range, access, offset, device, inode, and a path that may hold blanks
    let mut fields = line.splitn(6, ' ');
    let (range, inode, path) = (fields.next()?, fields.nth(3)?, fields.next()?.trim_start());
    let whole = path.strip_suffix(" (deleted)");
    Some(Mapping { range, inode: inode.parse().ok()?, path: whole.unwrap_or(path), deleted: whole.is_some() })
}

/// Does a file of that name hold the C library?
pub fn is_libc(name: &str) -> bool {
    name == "libc.so.6"
        || name == "libc.so"
        || name.starts_with("ld-musl-")
        || name.starts_with("libc.musl-")
        || (name.starts_with("libc-") && name.ends_with(".so"))
}

/// Is `file` the library `name`, which may be given without `lib` before it and a version behind it?
fn is_library(name: &str, file: &str) -> bool {
    let version = |rest: &str| {
        rest.starts_with(".so")
            || (rest.contains(".so") && rest.starts_with('-') && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    };
    file == name
        || name == "c" && is_libc(file)
        || file.strip_prefix("lib").and_then(|file| file.strip_prefix(name)).is_some_and(version)
}

/// The files that somebody means by `name`: a path, a library that the processes use or else the system has, a program,
/// or, by an empty name, what the processes run.
pub fn named(name: &str, pids: &[u32]) -> Result<Vec<File>> {
    if name.is_empty() {
        let exe = |pid: &u32| open(&Path::new("/proc").join(pid.to_string()).join("exe"));
        return pids.iter().map(exe).collect();
    }
    if name.contains('/') {
        return Ok(vec![open(Path::new(name))?]);
    }
    let mut files = Vec::new();
    for pid in pids {
        files.extend(mapped(&pid.to_string(), |file| is_library(name, file))?);
    }
    if files.is_empty() && pids.is_empty() {
        files = if name == "c" {
            own_libcs()?
        } else {
            libraries(|file| is_library(name, file)).into_iter().take(1).collect()
        };
    }
    if files.is_empty() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let programs = std::env::split_paths(&path).map(|dir| dir.join(name));
        files.extend(programs.filter(|path| path.is_file()).find_map(|path| File::open(path).ok()));
    }
    Ok(files)
}

/// The libraries that the dynamic linker knows and whose file names are wanted.
fn libraries(wanted: impl Fn(&str) -> bool) -> Vec<File> {
    let cache = fs::read("/etc/ld.so.cache").unwrap_or_default();
    cache
        .split(|b| *b == 0)
        .filter_map(|entry| str::from_utf8(entry).ok())
        .filter(|path| path.starts_with('/') && path.rsplit('/').next().is_some_and(&wanted))
        .filter_map(|path| File::open(path).ok())
        .collect()
}

/// Sees that the kernel has a function of that name which a program can be put at.
///
/// # Errors
/// It has none, and what may be meant instead. A kernel that hides what functions it has gets away with it.
pub fn in_kernel(name: &str) -> Result<()> {
    ensure!(is_function(name), "{name:?} is not the name of a function");
    // Quickly found, if it is there; the list of all names takes a while to read.
    if features::types().is_ok_and(|btf| features::has_function(&btf, name)) {
        return Ok(());
    }
    let symbols = fs::read("/proc/kallsyms").unwrap_or_default();
    let symbols = String::from_utf8_lossy(&symbols);
    let Some(meant) = like(&symbols, name) else { return Ok(()) };
    ensure!(
        !meant.is_empty(),
        "this kernel has no function {name}: another kernel may, or its module is not loaded, or the compiler has put it into its callers"
    );
    bail!("the compiler has changed {name}; what is left of it is {}", meant.join(", "))
}

/// The functions in a list of symbols that were made of one of that name; `None` if it is among them, or there is no
/// list.
fn like<'a>(symbols: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let mut meant = Vec::new();
    for line in symbols.lines() {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some("t" | "T" | "w" | "W"), Some(symbol)) = (fields.next(), fields.next()) else { continue };
        match symbol.strip_prefix(name) {
            Some("") => return None,
            // What is seldom needed is cut off, and nobody calls it.
            Some(rest) if rest.starts_with('.') && !rest.contains(".cold") => meant.push(symbol),
            _ => {}
        }
    }
    (!symbols.is_empty()).then_some(meant)
}

/// The C libraries that programs of this mount namespace are linked with: the one that this program uses, or for want
/// of that (it may be linked statically) those that the dynamic linkers know.
pub fn own_libcs() -> Result<Vec<File>> {
    if let Some(file) = mapped("self", is_libc)? {
        return Ok(vec![file]);
    }
    let mut files = libraries(|name| name == "libc.so.6");
    let mut paths: Vec<PathBuf> = Vec::new();
    for dir in ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] {
        let Ok(entries) = fs::read_dir(dir) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_libc(&name) {
                paths.push(entry.path());
            } else if name.contains("-linux-") {
                paths.push(entry.path().join("libc.so.6"));
            }
        }
    }
    files.extend(paths.iter().filter_map(|path| File::open(path).ok()));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_found_by_its_file_name() {
        let maps = "55d0-55d1 r--p 00000000 fe:00 12                         /opt/libc.so.6/a b\n\
                    7f00-7f01 rw-p 00000000 00:00 0 \n\
                    7f01-7f02 r-xp 00028000 fe:00 42                         /usr/my lib/libc.so.6 (deleted)\n\
                    7fff-7fff rw-p 00000000 00:00 0                          [stack]\n";
        let found = mapping(maps, is_libc).unwrap();
        assert_eq!((found.range, found.inode, found.path), ("7f01-7f02", 42, "/usr/my lib/libc.so.6"));
        assert!(found.deleted);
        assert!(mapping(maps, |name| name == "stack").is_none());
    }

    #[test]
    fn names_of_the_c_library() {
        for (name, is) in [
            ("libc.so.6", true),
            ("libc-2.31.so", true),
            ("ld-musl-x86_64.so.1", true),
            ("libc.so", true),
            ("libcap.so.2", false),
            ("libc++.so.1", false),
            ("libc-client.so.2007e", false),
        ] {
            assert_eq!(is_libc(name), is, "{name}");
        }
    }

    #[test]
    fn libraries_go_by_short_names() {
        for (name, file, is) in [
            ("c", "libc.so.6", true),
            ("c", "libc-2.31.so", true),
            ("c", "libc-client.so.2007e", false),
            ("c", "ld-musl-x86_64.so.1", true),
            ("ssl", "libssl.so.3", true),
            ("ssl", "libssl3.so", false),
            ("libssl.so.3", "libssl.so.3", true),
        ] {
            assert_eq!(is_library(name, file), is, "{name} {file}");
        }
        assert_eq!(named("c", &[]).unwrap().len().min(1), 1);
        assert!(named("no-such-program", &[]).unwrap().is_empty());
    }

    #[test]
    fn a_function_that_the_kernel_has_not_is_told_apart_from_one_that_it_has_changed() {
        let symbols = "0 T vfs_read\n0 t helper.isra.0\n0 t helper.cold\n0 D data\n0 t in_module\t[module]\n";
        assert_eq!(like(symbols, "vfs_read"), None);
        assert_eq!(like(symbols, "in_module"), None);
        assert_eq!(like(symbols, "helper"), Some(vec!["helper.isra.0"]));
        assert_eq!(like(symbols, "data"), Some(vec![]));
        assert_eq!(like("", "data"), None);
        assert!(in_kernel("vfs_read").is_ok());
        assert!(in_kernel("vfs_read+8").is_err() && in_kernel("no_such_function").is_err());
    }

    #[test]
    fn own_functions_are_found_and_others_are_not() {
        let libc = || own_libcs().unwrap().remove(0);
        let found = find(libc(), &["getaddrinfo", "no_such_function"]).unwrap().unwrap();
        assert!(found.offsets.len() == 1 && found.offsets[0] > 0, "{:x?}", found.offsets);
        assert!(find(libc(), &["no_such_function"]).unwrap().is_none());
        assert!(find(File::open("/etc/passwd").unwrap(), &["getaddrinfo"]).is_err());
    }
}
