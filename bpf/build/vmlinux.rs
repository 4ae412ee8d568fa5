//! Writes `vmlinux.h`: the kernel types that cbpf's programs name, and what those hold by value.
//!
//! `make vmlinux` runs it. A whole dump is 2.8 MB and costs every compilation 0.6 s; what the tools
//! use is a hundredth of it. Fields that other kernels have instead are declared in `compat.bpf.h`:
//! CO-RE looks fields up by name when a program is loaded, so one header serves 5.10 to 7.x.
//!
//! Usage: `vmlinux BTF TYPES > vmlinux.h`, where TYPES lists one type name a line.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_void};
use std::fs;
use std::io::{self, Write};

use anyhow::{Context, Result, bail, ensure};
use libbpf_sys as sys;

/// Enumerations whose names the helper headers need whatever the tools use.
const KINDS: [u32; 6] = [
    sys::BTF_KIND_STRUCT,
    sys::BTF_KIND_UNION,
    sys::BTF_KIND_ENUM,
    sys::BTF_KIND_ENUM64,
    sys::BTF_KIND_TYPEDEF,
    sys::BTF_KIND_INT,
];

unsafe extern "C" {
    fn vsnprintf(buf: *mut c_char, size: usize, fmt: *const c_char, args: *mut c_void) -> i32;
}

/// libbpf's printf-like callback: appends the formatted text to the `Vec<u8>` behind `ctx`.
unsafe extern "C" fn append(ctx: *mut c_void, fmt: *const c_char, args: *mut sys::__va_list_tag) {
    let mut buf = [0; 4096];
    // SAFETY: libbpf passes a format and the arguments that belong to it; the size bounds the write.
    let n = unsafe { vsnprintf(buf.as_mut_ptr(), buf.len(), fmt, args.cast()) };
    assert!((0..4096).contains(&n), "a line of the dump is too long");
    // SAFETY: vsnprintf ended the text with a NUL; `ctx` is the vector that `main` passed.
    unsafe {
        let text = CStr::from_ptr(buf.as_ptr());
        (*ctx.cast::<Vec<u8>>()).extend_from_slice(text.to_bytes());
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(btf_path), Some(types)) = (args.next(), args.next()) else {
        bail!("usage: vmlinux BTF TYPES");
    };
    let path = CString::new(btf_path.clone())?;
    // SAFETY: the path is a C string; the object lives until the process ends.
    let btf = unsafe { sys::btf__parse(path.as_ptr(), std::ptr::null_mut()) };
    ensure!(!btf.is_null(), "no BTF in {btf_path}");
    let mut text: Vec<u8> = Vec::new();
    let ctx: *mut Vec<u8> = &mut text;
    // SAFETY: `btf` is valid and `text` outlives the dump.
    let dump = unsafe { sys::btf_dump__new(btf, Some(append), ctx.cast(), std::ptr::null()) };
    ensure!(!dump.is_null(), "btf_dump__new failed");

    let list = fs::read_to_string(&types).with_context(|| types.clone())?;
    let names: BTreeSet<&str> = list
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect();
    let mut missing = Vec::new();
    for name in names {
        let c_name = CString::new(name)?;
        let found = KINDS.iter().find_map(|&kind| {
            // SAFETY: valid object and name.
            let id = unsafe { sys::btf__find_by_name_kind(btf, c_name.as_ptr(), kind) };
            u32::try_from(id).ok()
        });
        match found {
            Some(id) => {
                // SAFETY: the id comes from this BTF.
                ensure!(unsafe { sys::btf_dump__dump_type(dump, id) } == 0, "cannot dump {name}");
            }
            None => missing.push(name),
        }
    }
    ensure!(missing.is_empty(), "not in {btf_path}: {}", missing.join(", "));

    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().split('-').next().unwrap_or_default().to_owned();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "/* SPDX-License-Identifier: GPL-2.0-only */\n\
         /* Made by `make vmlinux` from the BTF of Linux {release} (x86_64): the types that vmlinux.types\n \
         * lists and what they hold by value. Do not edit: list a type there, or, when only other kernels\n \
         * have it, declare it in compat.bpf.h. */\n\
         #ifndef CBPF_VMLINUX_H\n#define CBPF_VMLINUX_H\n\n\
         #pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\n"
    )?;
    out.write_all(&text)?;
    writeln!(out, "\n#pragma clang attribute pop\n\n#endif")?;
    Ok(())
}
