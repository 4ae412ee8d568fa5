//! Functions of user programs: which file has them, and where in it.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use blazesym::inspect::Inspector;
use blazesym::inspect::source::{Elf, Source};

use crate::engine::UserFunctions;

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

/// The C libraries that programs of this mount namespace are linked with: the one that this program uses, or for want
/// of that (it may be linked statically) those that the dynamic linkers know.
pub fn own_libcs() -> Result<Vec<File>> {
    if let Some(file) = mapped("self", is_libc)? {
        return Ok(vec![file]);
    }
    let cache = fs::read("/etc/ld.so.cache").unwrap_or_default();
    let mut paths: Vec<PathBuf> = cache
        .split(|b| *b == 0)
        .filter_map(|entry| str::from_utf8(entry).ok())
        .filter(|path| path.starts_with('/') && path.ends_with("/libc.so.6"))
        .map(PathBuf::from)
        .collect();
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
    Ok(paths.iter().filter_map(|path| File::open(path).ok()).collect())
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
    fn own_functions_are_found_and_others_are_not() {
        let libc = || own_libcs().unwrap().remove(0);
        let found = find(libc(), &["getaddrinfo", "no_such_function"]).unwrap().unwrap();
        assert!(found.offsets.len() == 1 && found.offsets[0] > 0, "{:x?}", found.offsets);
        assert!(find(libc(), &["no_such_function"]).unwrap().is_none());
        assert!(find(File::open("/etc/passwd").unwrap(), &["getaddrinfo"]).is_err());
    }
}
