//! The kernel's types, cut down to those that an object asks for.
//!
//! For every type that an object's relocations name, libbpf looks through all types of the kernel, more than a hundred
//! thousand: two milliseconds each time, and most of a tool's start-up. So they are looked up here, all in one pass, and
//! libbpf is given an extract: the types named, what they hold by value, and of a structure behind a pointer no more
//! than that it is one.
//!
//! The layout of BTF is in <https://docs.kernel.org/bpf/btf.html>.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::memfd::{MFdFlags, memfd_create};

use cbpf_bpf::{KERNEL_FUNCTIONS, KERNEL_VARIABLES};
use libbpf_rs::btf::{Btf, types};

use crate::ring::Mapping;
use crate::tracepoints::{self, TYPE_PREFIX};

const KERNEL: &str = "/sys/kernel/btf";

const MAGIC: u16 = 0xEB9F;
const HEADER: usize = 24;

// enum in include/uapi/linux/btf.h: what a type is. Those not named here have no data of their own behind the first
// three words and no part in a relocation.
const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FWD: u32 = 7;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// What an object needs to know of the kernel's types.
#[derive(Debug)]
pub(crate) struct KernelTypes {
    /// The extract, as a file in memory. None if one of the names may be that of a module's type: libbpf has to look
    /// for itself then.
    extract: Option<File>,
    /// What programs name.
    pub(crate) ids: Ids,
}

/// Ids of [`KERNEL_FUNCTIONS`] and [`KERNEL_VARIABLES`], in their order, of those that the kernel has; and what is known
/// of tracepoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) functions: [Option<u32>; KERNEL_FUNCTIONS.len()],
    pub(crate) variables: [Option<u32>; KERNEL_VARIABLES.len()],
    pub(crate) tracepoints: tracepoints::Ids,
}

impl KernelTypes {
    /// The types of these names, and of these tracepoints.
    ///
    /// # Errors
    /// The kernel's types cannot be read, or have a layout that is not known here. libbpf has to look for itself then.
    pub(crate) fn of(names: &[&str], tracepoints: &[&'static str]) -> Result<Self> {
        let file = File::open(Path::new(KERNEL).join("vmlinux"))?;
        let size = file.metadata()?.len() as usize;
        // Since 6.16 the kernel shares the pages that it has the types in.
        let (mapped, copied);
        let bytes = match Mapping::private(file.as_fd(), size) {
            Ok(mapping) => {
                mapped = mapping;
                mapped.bytes()
            }
            Err(_) => {
                copied = fs::read(Path::new(KERNEL).join("vmlinux"))?;
                copied.as_slice()
            }
        };
        let all = Types::parse(bytes, names, tracepoints).context("types of an unknown layout")?;
        let (extract, missing) = Extract::of(&all, names).context("types of an unknown layout")?;
        let extract = (missing.is_empty() || not_in_modules(&missing).is_ok())
            .then(|| -> Result<File> {
                let mut file = File::from(memfd_create(c"cbpf-types", MFdFlags::MFD_CLOEXEC)?);
                file.write_all(&extract)?;
                Ok(file)
            })
            .transpose()?;
        Ok(Self { extract, ids: all.ids })
    }

    /// Where libbpf finds them, as long as this lives.
    pub(crate) fn path(&self) -> Option<CString> {
        CString::new(format!("/proc/self/fd/{}", self.extract.as_ref()?.as_raw_fd())).ok()
    }
}

/// What programs name as libbpf finds it, which takes it a while.
pub(crate) fn ids_by_libbpf() -> Result<Ids> {
    let kernel = Btf::from_vmlinux().map_err(|_| {
        anyhow!("the kernel's types (/sys/kernel/btf/vmlinux) are not here: mount /sys, or run a kernel with CONFIG_DEBUG_INFO_BTF")
    })?;
    // By name alone a type of another kind may be found.
    let variable = |name: &str| {
        kernel
            .type_by_kind::<types::Var<'_>>()
            .find(|var| var.name() == Some(OsStr::new(name)))
            .map(|var| var.type_id())
    };
    Ok(Ids {
        functions: KERNEL_FUNCTIONS
            .map(|(_, name)| Some(u32::from(kernel.type_by_name::<types::Func<'_>>(name)?.type_id()))),
        variables: KERNEL_VARIABLES.map(|(_, name)| variable(name).map(u32::from)),
        tracepoints: tracepoints::Ids::new(),
    })
}

/// An error if the types of a module that is loaded use one of the names.
fn not_in_modules(names: &[&str]) -> Result<()> {
    for entry in fs::read_dir(KERNEL)? {
        let entry = entry?;
        if entry.file_name() != "vmlinux" {
            let found = |part: &[u8]| names.iter().any(|name| name.as_bytes() == part);
            ensure!(
                !fs::read(entry.path())?.split(|b| *b == 0).any(found),
                "one of {names:?} may be a type of {}",
                entry.path().display()
            );
        }
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// One type: three words, and what its kind has behind them.
#[derive(Clone, Copy)]
struct Type<'a> {
    name: u32,
    info: u32,
    /// Its size, or the type that it refers to.
    of: u32,
    rest: &'a [u8],
}

impl<'a> Type<'a> {
    fn read(types: &'a [u8], at: usize) -> Option<Self> {
        let info = word(types, at + 4)?;
        let vlen = (info & 0xff_ffff) as usize;
        let rest = match info >> 24 & 0x7f {
            INT | VAR | DECL_TAG => 4,
            ARRAY => 12,
            STRUCT | UNION | DATASEC | ENUM64 => 12 * vlen,
            ENUM | FUNC_PROTO => 8 * vlen,
            1..=ENUM64 => 0,
            _ => return None,
        };
        Some(Self { name: word(types, at)?, info, of: word(types, at + 8)?, rest: types.get(at + 12..at + 12 + rest)? })
    }

    fn kind(&self) -> u32 {
        self.info >> 24 & 0x7f
    }

    fn len(&self) -> usize {
        12 + self.rest.len()
    }
}

/// Names that are looked for among the hundred thousand of a kernel, at each start: most are told by how they begin.
struct Names<'a> {
    all: HashSet<&'a [u8]>,
    /// A bit for each first two bytes, of which the second may be the end.
    beginnings: Box<[u64; 1 << 10]>,
}

impl<'a> Names<'a> {
    fn of(names: &[&'a str]) -> Self {
        let mut beginnings = Box::new([0; 1 << 10]);
        for name in names {
            let byte = |n| name.as_bytes().get(n).copied().unwrap_or(0);
            let bit = usize::from(u16::from_ne_bytes([byte(0), byte(1)]));
            beginnings[bit / 64] |= 1 << (bit % 64);
        }
        Self { all: names.iter().map(|name| name.as_bytes()).collect(), beginnings }
    }

    fn may_have(&self, types: &Types<'_>, name: u32) -> bool {
        let begin = types.strings.get(name as usize..).and_then(|rest| rest.first_chunk());
        let bit = usize::from(begin.map_or(0, |begin| u16::from_ne_bytes(*begin)));
        self.beginnings[bit / 64] & 1 << (bit % 64) != 0
    }
}

/// What a type of the kernel's takes on average, less rather than more; bytes.
const MEAN_LEN: usize = 20;

/// The types of a kernel.
struct Types<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type stands, by id; 0 is void, which stands nowhere.
    at: Vec<u32>,
    /// Ids of those that were asked for by name.
    found: Vec<u32>,
    ids: Ids,
}

impl<'a> Types<'a> {
    /// Parses the kernel's types and finds those of the given names, and the functions, variables and tracepoints.
    fn parse(btf: &'a [u8], names: &[&str], tracepoints: &[&'static str]) -> Option<Self> {
        let names = Names::of(names);
        let magic: [u8; 2] = btf.get(..2)?.try_into().ok()?;
        if u16::from_ne_bytes(magic) != MAGIC {
            return None;
        }
        let header = word(btf, 4)?;
        let section = |at: usize| -> Option<&'a [u8]> {
            let start = (header + word(btf, at)?) as usize;
            btf.get(start..start + word(btf, at + 4)? as usize)
        };
        let (found, ids) = (Vec::new(), Ids::default());
        let mut all = Self { types: section(8)?, strings: section(16)?, at: vec![0], found, ids };
        all.at.reserve(all.types.len() / MEAN_LEN);
        let mut at = 0;
        while at < all.types.len() {
            let ty = Type::read(all.types, at)?;
            if ty.kind() == TYPEDEF
                && let Some(name) = all.rest_of(ty.name, TYPE_PREFIX)
                && let Some(tracepoint) = tracepoints.iter().find(|of| of.as_bytes() == name)
            {
                all.ids.tracepoints.insert(tracepoint, all.at.len() as u32);
            }
            let can_be_asked_for = matches!(ty.kind(), STRUCT | UNION | ENUM | ENUM64 | TYPEDEF) && ty.name != 0;
            if can_be_asked_for && names.may_have(&all, ty.name) && names.all.contains(all.string(ty.name)) {
                all.found.push(all.at.len() as u32);
            } else if ty.kind() == FUNC {
                if let Some(n) = KERNEL_FUNCTIONS.iter().position(|(_, of)| all.is(ty.name, of)) {
                    all.ids.functions[n] = Some(all.at.len() as u32);
                }
            } else if ty.kind() == VAR
                && let Some(n) = KERNEL_VARIABLES.iter().position(|(_, of)| all.is(ty.name, of))
            {
                all.ids.variables[n] = Some(all.at.len() as u32);
            }
            all.at.push(at as u32);
            at += ty.len();
        }
        Some(all)
    }

    fn string(&self, at: u32) -> &'a [u8] {
        let rest = self.strings.get(at as usize..).unwrap_or_default();
        rest.split(|b| *b == 0).next().unwrap_or_default()
    }

    /// Is that the string there?
    fn is(&self, at: u32, name: &str) -> bool {
        let rest = self.strings.get(at as usize..).unwrap_or_default();
        rest.get(name.len()) == Some(&0) && rest.starts_with(name.as_bytes())
    }

    /// What follows `prefix` in the string there, if it begins so.
    fn rest_of(&self, at: u32, prefix: &str) -> Option<&'a [u8]> {
        let rest = self.strings.get(at as usize..)?.strip_prefix(prefix.as_bytes())?;
        rest.split(|b| *b == 0).next()
    }

    fn get(&self, id: u32) -> Option<Type<'a>> {
        Type::read(self.types, *self.at.get(id as usize)? as usize)
    }

    /// The type behind modifiers and typedefs, which relocations do not see; `None` for void.
    fn plain(&self, mut id: u32) -> Option<Option<(u32, Type<'a>)>> {
        while id != 0 {
            let ty = self.get(id)?;
            match ty.kind() {
                TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => id = ty.of,
                _ => return Some(Some((id, ty))),
            }
        }
        Some(None)
    }
}

/// Types that are copied from others.
struct Extract<'a> {
    from: &'a Types<'a>,
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
    /// Ids and names: there and here.
    ids: HashMap<u32, u32>,
    names: HashMap<u32, u32>,
    /// What stands for a struct and for a union behind a pointer.
    opaque: [u32; 2],
}

impl<'a> Extract<'a> {
    /// The extract, and the names that no type has.
    fn of<'n>(all: &Types<'_>, names: &[&'n str]) -> Option<(Vec<u8>, Vec<&'n str>)> {
        let mut to = Extract {
            from: all,
            types: Vec::new(),
            strings: vec![0],
            count: 0,
            ids: HashMap::new(),
            names: HashMap::new(),
            opaque: [0; 2],
        };
        to.opaque = [STRUCT, UNION].map(|kind| to.push(0, kind << 24, 0, &[]));
        let mut missing = names.to_vec();
        for id in all.found.iter().copied() {
            let ty = all.get(id)?;
            missing.retain(|name| name.as_bytes() != all.string(ty.name));
            if ty.kind() == TYPEDEF {
                // A typedef that is asked for by name is one, and not what it stands for.
                let (name, of) = (to.name(ty.name), to.copy(ty.of)?);
                to.push(name, ty.info, of, &[]);
            } else {
                to.copy(id)?;
            }
        }
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC.to_ne_bytes());
        out.extend_from_slice(&[1, 0]); // version, flags
        let len = to.types.len() as u32;
        for number in [HEADER as u32, 0, len, len, to.strings.len() as u32] {
            out.extend_from_slice(&number.to_ne_bytes());
        }
        out.extend_from_slice(&to.types);
        out.extend_from_slice(&to.strings);
        Some((out, missing))
    }

    fn push(&mut self, name: u32, info: u32, of: u32, rest: &[u8]) -> u32 {
        for number in [name, info, of] {
            self.types.extend_from_slice(&number.to_ne_bytes());
        }
        self.types.extend_from_slice(rest);
        self.count += 1;
        self.count
    }

    fn name(&mut self, there: u32) -> u32 {
        if there == 0 {
            return 0;
        }
        *self.names.entry(there).or_insert_with(|| {
            let here = self.strings.len() as u32;
            self.strings.extend_from_slice(self.from.string(there));
            self.strings.push(0);
            here
        })
    }

    /// Copies a type with all that it is made of, and returns its id here. It ends, because what a type is made of
    /// cannot be made of the type again: C allows that behind a pointer only.
    fn copy(&mut self, id: u32) -> Option<u32> {
        let Some((id, ty)) = self.from.plain(id)? else { return Some(0) };
        if let Some(here) = self.ids.get(&id) {
            return Some(*here);
        }
        // Where names and types stand in what follows the first three words, so many bytes for each entry.
        let (entry, has_name, types): (usize, bool, &[usize]) = match ty.kind() {
            INT | FLOAT | FWD | PTR => (ty.rest.len(), false, &[]),
            ARRAY => (12, false, &[0, 4]),
            STRUCT | UNION => (12, true, &[4]),
            ENUM => (8, true, &[]),
            ENUM64 => (12, true, &[]),
            FUNC_PROTO => (8, true, &[4]),
            _ => return None,
        };
        let mut rest = ty.rest.to_vec();
        for entry in rest.chunks_exact_mut(entry.max(1)) {
            if has_name {
                let name = self.name(word(entry, 0)?);
                entry[..4].copy_from_slice(&name.to_ne_bytes());
            }
            for at in types {
                let of = self.copy(word(entry, *at)?)?;
                entry[*at..at + 4].copy_from_slice(&of.to_ne_bytes());
            }
        }
        let of = match ty.kind() {
            FUNC_PROTO => self.copy(ty.of)?,
            PTR => match self.from.plain(ty.of)? {
                Some((_, to)) if to.kind() == STRUCT => self.opaque[0],
                Some((_, to)) if to.kind() == UNION => self.opaque[1],
                _ => self.copy(ty.of)?,
            },
            _ => ty.of,
        };
        let name = self.name(ty.name);
        let here = self.push(name, ty.info, of, &rest);
        self.ids.insert(id, here);
        Some(here)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use libbpf_rs::HasSize as _;
    use libbpf_rs::btf::BtfType;

    use super::*;

    #[test]
    fn what_is_asked_for_is_as_the_kernel_has_it() {
        let Ok(all) = Btf::from_vmlinux() else { return }; // a kernel without types
        let names = ["task_struct", "btf_trace_sched_switch", "bpf_func_id", "upid"];
        let types = KernelTypes::of(&names, &[]).unwrap();
        let extract = Btf::from_path(types.path().unwrap().to_str().unwrap()).unwrap();
        for name in ["task_struct", "upid"] {
            let [there, here] = [&all, &extract].map(|btf| btf.type_by_name::<types::Struct<'_>>(name).unwrap());
            assert_eq!(there.size(), here.size());
            assert_eq!(there.len(), here.len());
            for (there, here) in there.iter().zip(here.iter()) {
                assert_eq!(format!("{:?}{:?}", there.name, there.attr), format!("{:?}{:?}", here.name, here.attr));
                let size = |btf: &Btf<'_>, id| {
                    let plain = btf.type_by_id::<BtfType<'_>>(id).unwrap().skip_mods_and_typedefs();
                    types::Struct::try_from(plain).ok().map(|s| (s.size(), s.len()))
                };
                assert_eq!(size(&all, there.ty), size(&extract, here.ty));
            }
        }
        let [there, here] = [&all, &extract].map(|btf| {
            let function =
                btf.type_by_name::<types::Typedef<'_>>("btf_trace_sched_switch").unwrap().next_type().unwrap();
            let proto = types::Ptr::try_from(function).unwrap().next_type().unwrap();
            types::FuncProto::try_from(proto).unwrap().len()
        });
        assert_eq!(there, here);
        assert!(extract.type_by_name::<types::Enum<'_>>("bpf_func_id").is_some());
        assert!(extract.len() < all.len() / 20, "{} types", extract.len());
    }

    #[test]
    fn a_cut_or_foreign_image_is_refused() {
        let image = fs::read(Path::new(KERNEL).join("vmlinux")).unwrap_or_default();
        assert!(Types::parse(&[], &["upid"], &[]).is_none());
        assert!(Types::parse(&image[..image.len() / 2], &["upid"], &[]).is_none());
        let foreign: Vec<u8> = image.iter().rev().copied().collect();
        assert!(Types::parse(&foreign, &["upid"], &[]).is_none());
    }

    #[test]
    fn a_name_that_no_type_has_is_told() {
        let image = fs::read(Path::new(KERNEL).join("vmlinux")).unwrap_or_default();
        let names = ["no_such_type", "upid"];
        if let Some(all) = Types::parse(&image, &names, &[]) {
            assert_eq!(Extract::of(&all, &names).unwrap().1, ["no_such_type"]);
        }
    }

    #[test]
    fn functions_and_variables_are_those_that_libbpf_finds() {
        let Ok(types) = KernelTypes::of(&["upid"], &[]) else { return };
        assert_eq!(types.ids, ids_by_libbpf().unwrap());
    }

    #[test]
    fn tracepoints_are_those_that_libbpf_finds() {
        let Ok(types) = KernelTypes::of(&["upid"], &["sys_exit", "sched_switch", "none_such"]) else { return };
        let find = |name: &CStr| {
            // SAFETY: a C string.
            unsafe { libbpf_sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), libbpf_sys::BPF_TRACE_RAW_TP) }
        };
        let found = [("sys_exit", find(c"sys_exit") as u32), ("sched_switch", find(c"sched_switch") as u32)];
        assert_eq!(types.ids.tracepoints, found.into());
    }
}
