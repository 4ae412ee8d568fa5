//! Is an offset of a file where a function begins? A breakpoint between the bytes of an instruction would break every
//! process that runs the file, whoever's it is, so clients may name the beginnings of functions only.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result, ensure};
use nix::fcntl::{FcntlArg, OFlag, fcntl};

const PT_LOAD: u32 = 1;
const EXECUTABLE: u32 = 1;
const SHT_SYMTAB: u32 = 2;
const SHT_DYNSYM: u32 = 11;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;
/// Bytes of symbols read at a time, and altogether.
const PIECE: usize = 24 * 2048;
const MOST: u64 = 256 << 20;
/// So many symbols' names are looked at: there are few for one function.
const MOST_NAMES: u32 = 1 << 16;

/// The file behind a descriptor that a client sent, if it may read it and it is a regular one.
pub fn regular(fd: OwnedFd) -> Result<File> {
    let flags = OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL)?);
    let readable = matches!(flags & OFlag::O_ACCMODE, OFlag::O_RDONLY | OFlag::O_RDWR);
    ensure!(readable && !flags.contains(OFlag::O_PATH), "a descriptor that is not open for reading");
    let file = File::from(fd);
    ensure!(file.metadata()?.is_file(), "a descriptor of something that is not a regular file");
    Ok(file)
}

/// Where bash returns lines. The inner one first: where the compiler has put `readline` into its callers, that one is
/// still called.
pub const READLINE: [&str; 2] = ["readline_internal_teardown", "readline"];
/// Lookups of host names.
pub const LOOKUPS: [&str; 3] = ["getaddrinfo", "gethostbyname", "gethostbyname2"];

/// The functions of user programs that a tool is about; `None`: whichever its user names.
pub fn functions_of(tool: &str) -> Option<&'static [&'static str]> {
    match tool {
        "bashreadline" => Some(&READLINE),
        "gethostlatency" => Some(&LOOKUPS),
        "funclatency" => None,
        _ => Some(&[]),
    }
}

/// Refuses offsets at which no function of the file begins, by its symbols, or none with one of these names.
pub fn check(file: &File, offsets: &[u64], names: Option<&[&str]>) -> Result<()> {
    let mut left: HashSet<u64> = offsets.iter().copied().collect();
    let mut looks = MOST_NAMES;
    functions(file, |offset, _, name| {
        if left.contains(&offset) && looks > 0 {
            looks -= 1;
            if names.is_none_or(|names| names.iter().any(|wanted| is_at(file, name, wanted))) {
                left.remove(&offset);
            }
        }
    })
    .context("not an ELF file with functions")?;
    let names = names.map(|names| format!(", or it is none of {}", names.join(", "))).unwrap_or_default();
    ensure!(left.is_empty(), "no function begins at offset {:#x}{names}", left.iter().next().copied().unwrap_or(0));
    Ok(())
}

/// Does the file have this name, and its end, at `at`?
fn is_at(file: &File, at: u64, name: &str) -> bool {
    let mut there = vec![1; name.len() + 1];
    file.read_exact_at(&mut there, at).is_ok() && there.strip_suffix(&[0]) == Some(name.as_bytes())
}

/// Is what begins at one of the offsets no function, but what chooses one when a program starts?
pub fn chooses(file: &File, offsets: &[u64]) -> bool {
    let mut found = false;
    let read = functions(file, |offset, kind, _| found |= kind == STT_GNU_IFUNC && offsets.contains(&offset));
    read.is_ok() && found
}

/// Calls `each` with the offset of every function, its kind, and where in the file its name is.
fn functions(file: &File, mut each: impl FnMut(u64, u8, u64)) -> io::Result<()> {
    let none = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
    if head[..6] != *b"\x7fELF\x02\x01" || u16_at(&head, 54) != 56 || u16_at(&head, 58) != 64 {
        return Err(none());
    }
    let record = |table: u64, n: u16, size: u64| table.checked_add(u64::from(n) * size).ok_or_else(none);
    let mut segments = Vec::new();
    for n in 0..u16_at(&head, 56).min(256) {
        let mut segment = [0; 56];
        file.read_exact_at(&mut segment, record(u64_at(&head, 32), n, 56)?)?;
        if u32_at(&segment, 0) == PT_LOAD && u32_at(&segment, 4) & EXECUTABLE != 0 {
            segments.push((u64_at(&segment, 8), u64_at(&segment, 16), u64_at(&segment, 32)));
        }
    }
    let mut budget = MOST;
    for n in 0..u16_at(&head, 60) {
        let mut section = [0; 64];
        file.read_exact_at(&mut section, record(u64_at(&head, 40), n, 64)?)?;
        if ![SHT_SYMTAB, SHT_DYNSYM].contains(&u32_at(&section, 4)) {
            continue;
        }
        let mut strings = [0; 64];
        file.read_exact_at(&mut strings, record(u64_at(&head, 40), u16_at(&section, 40), 64)?)?;
        let strings = u64_at(&strings, 24);
        let (mut at, mut left) = (u64_at(&section, 24), u64_at(&section, 32));
        budget = budget.checked_sub(left).ok_or_else(none)?;
        let mut piece = vec![0; PIECE];
        while left >= 24 {
            let len = left.min(PIECE as u64) as usize / 24 * 24;
            file.read_exact_at(&mut piece[..len], at)?;
            for symbol in piece[..len].chunks_exact(24) {
                let kind = symbol[4] & 0xf;
                if [STT_FUNC, STT_GNU_IFUNC].contains(&kind) && u16_at(symbol, 6) != 0 {
                    let address = u64_at(symbol, 8);
                    let name = strings.saturating_add(u32_at(symbol, 0).into());
                    let inside = |(offset, start, size): &(u64, u64, u64)| {
                        address.checked_sub(*start).filter(|a| a < size)?.checked_add(*offset)
                    };
                    segments.iter().find_map(inside).into_iter().for_each(|offset| each(offset, kind, name));
                }
            }
            at = at.checked_add(len as u64).ok_or_else(none)?;
            left -= len as u64;
        }
    }
    Ok(())
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut copy = [0; N];
    copy.copy_from_slice(&bytes[at..at + N]); // both are constants of the format
    copy
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write as _};

    fn own_functions() -> (File, Vec<u64>) {
        let file = File::open("/proc/self/exe").unwrap();
        let mut found = Vec::new();
        functions(&file, |offset, _, _| found.push(offset)).unwrap();
        (file, found)
    }

    #[test]
    fn only_where_functions_begin() {
        let (file, found) = own_functions();
        assert!(found.len() > 100, "{}", found.len());
        assert!(check(&file, &found[..50], None).is_ok());
        let between = (found[0] + 1..).find(|offset| !found.contains(offset)).unwrap();
        assert!(check(&file, &[found[0], between], None).is_err());
        assert!(check(&File::open("/etc/passwd").unwrap(), &[0], None).is_err());
    }

    #[test]
    #[cfg(feature = "report")]
    fn only_functions_of_the_names_that_are_wanted() {
        let libc = crate::functions::own_libcs().unwrap().remove(0);
        let offsets = |name| crate::functions::find(libc.try_clone().unwrap(), &[name]).unwrap().unwrap().offsets;
        assert!(check(&libc, &offsets("getaddrinfo"), functions_of("gethostlatency")).is_ok());
        assert!(check(&libc, &offsets("fgets"), functions_of("gethostlatency")).is_err());
        assert!(check(&libc, &offsets("getaddrinfo"), functions_of("bashreadline")).is_err());
        assert!(check(&libc, &offsets("fgets"), functions_of("opensnoop")).is_err());
        assert!(check(&libc, &offsets("fgets"), functions_of("funclatency")).is_ok());
        // Not the beginning of a longer name, nor the end of one.
        assert!(check(&libc, &offsets("gethostbyname2"), Some(&["gethostbyname"])).is_err());
        assert!(check(&libc, &offsets("gethostbyname2"), Some(&["hostbyname2"])).is_err());
    }

    #[test]
    fn a_broken_file_is_refused_soon() {
        let mut image = Vec::new();
        Read::read_to_end(&mut File::open("/bin/true").unwrap(), &mut image).unwrap();
        let path = std::env::temp_dir().join(format!("cbpf-elf-{}", std::process::id()));
        let mut state = 1u32;
        for round in 0..300 {
            let mut broken = image.clone();
            for _ in 0..8 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // The header and the section table, which is at the end.
                let at = if round % 2 == 0 {
                    state as usize >> 8 & 63
                } else {
                    broken.len() - 1 - (state as usize >> 8) % 1024
                };
                broken[at] = state as u8;
            }
            File::create(&path).unwrap().write_all(&broken).unwrap();
            let _ = check(&File::open(&path).unwrap(), &[1], Some(&READLINE));
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn only_regular_files_that_are_open_for_reading() {
        let open = |path: &str, flags: i32| {
            use std::os::unix::fs::OpenOptionsExt as _;
            let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).unwrap();
            regular(OwnedFd::from(file)).is_ok()
        };
        assert!(open("/bin/true", 0));
        assert!(!open("/bin/true", libc::O_PATH));
        assert!(!open("/", libc::O_DIRECTORY));
        assert!(!open("/dev/null", 0));
        let (reader, _writer) = io::pipe().unwrap();
        assert!(regular(reader.into()).is_err());
        let path = std::env::temp_dir().join(format!("cbpf-wronly-{}", std::process::id()));
        assert!(regular(File::create(&path).unwrap().into()).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
