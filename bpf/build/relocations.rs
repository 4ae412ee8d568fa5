//! Which of the kernel's types and tracepoints an object asks for when it is loaded.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use object::{Object as _, ObjectSection as _};

/// What the kernel's types are asked is one of enum bpf_core_relo_kind. These two cannot be answered from the extract
/// of the types that the engine gives libbpf (`kernel_types` in common/): there ids are others, and of a structure
/// behind a pointer nothing is said.
const TYPE_ID_TARGET: u32 = 7;
const TYPE_MATCHES: u32 = 12;

/// Names of the types that the object's relocations start from, without what follows `___`.
pub fn types(bytes: &[u8]) -> Result<Vec<String>> {
    let elf = object::File::parse(bytes)?;
    let section = |name| {
        elf.section_by_name(name).with_context(|| format!("no section {name}"))?.data().map_err(anyhow::Error::from)
    };
    let (btf, ext) = (section(".BTF")?, section(".BTF.ext")?);

    let names = names(btf).context(".BTF is cut short")?;
    let mut types = BTreeSet::new();
    for (id, kind) in relocations(ext).context(".BTF.ext is cut short")? {
        ensure!(
            kind != TYPE_ID_TARGET && kind != TYPE_MATCHES,
            "bpf_core_type_id_kernel() and bpf_core_type_matches() are not to be had"
        );
        let name = names.get(id as usize).with_context(|| format!("no type {id}"))?;
        types.insert(name.rsplit_once("___").map_or(name.as_str(), |(name, _)| name).to_owned());
    }
    Ok(types.into_iter().collect())
}

/// Names of the tracepoints that its programs are at, with types.
pub fn tracepoints(bytes: &[u8]) -> Result<Vec<String>> {
    let elf = object::File::parse(bytes)?;
    let names = elf.sections().filter_map(|section| Some(section.name().ok()?.strip_prefix("tp_btf/")?.to_owned()));
    Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// The type and the question of every relocation (struct btf_ext_header in libbpf's btf.h).
fn relocations(ext: &[u8]) -> Option<Vec<(u32, u32)>> {
    let [header, start, len] = [word(ext, 4)?, word(ext, 24)?, word(ext, 28)?].map(|n| n as usize);
    let (mut at, end) = (header + start, header + start + len);
    let mut found = Vec::new();
    if len > 0 {
        let record = word(ext, at)? as usize;
        at += 4;
        while at < end {
            let count = word(ext, at + 4)?; // behind the name of the section
            at += 8;
            for _ in 0..count {
                found.push((word(ext, at + 4)?, word(ext, at + 12)?));
                at += record;
            }
        }
    }
    Some(found)
}

/// The name of each type, by id (<https://docs.kernel.org/bpf/btf.html>).
fn names(btf: &[u8]) -> Option<Vec<String>> {
    let [header, types, len, strings] =
        [word(btf, 4)?, word(btf, 8)?, word(btf, 12)?, word(btf, 16)?].map(|n| n as usize);
    let (mut at, end) = (header + types, header + types + len);
    let mut names = vec![String::new()];
    while at < end {
        let (name, info) = (word(btf, at)? as usize, word(btf, at + 4)?);
        let name = btf.get(header + strings + name..)?.split(|b| *b == 0).next()?;
        names.push(String::from_utf8_lossy(name).into_owned());
        let vlen = info as usize & 0xffff;
        at += 12
            + match info >> 24 & 0x1f {
                1 | 14 | 17 => 4,             // INT, VAR, DECL_TAG
                3 => 12,                      // ARRAY
                4 | 5 | 15 | 19 => 12 * vlen, // STRUCT, UNION, DATASEC, ENUM64
                6 | 13 => 8 * vlen,           // ENUM, FUNC_PROTO
                _ => 0,
            };
    }
    Some(names)
}
