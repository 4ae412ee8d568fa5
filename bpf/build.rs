//! Compiles every `NAME.bpf.c` beside this file, checks the objects, and generates `objects.rs` (the table of them)
//! and `events.rs` (the event layouts, from the C structs) for `lib.rs` to include.
//!
//! Environment: `CBPF_CLANG` names the compiler; without it the newest of clang-19 … clang-14, clang is taken.

#[path = "check.rs"]
#[allow(dead_code)] // the library uses the rest
mod check;

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;
use std::{env, fs, ptr, slice, thread};

use anyhow::{Context as _, Result, anyhow, bail};
use libbpf_cargo::SkeletonBuilder;
use libbpf_rs::libbpf_sys;

fn main() -> Result<()> {
    let dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // The directory, not its files: a header edited or added must be seen too.
    println!("cargo:rerun-if-changed={}", dir.display());
    println!("cargo:rerun-if-env-changed=CBPF_CLANG");

    let tools = sources(&dir)?;
    let clang = clang()?;
    let jobs: Mutex<Vec<&String>> = Mutex::new(tools.iter().collect());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let Some(name) = jobs.lock().map_err(|_| anyhow!("a compile thread died"))?.pop() else {
                    return Ok(());
                };
                compile(&dir, &out, &clang, name)?;
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for handle in threads {
            handle.join().map_err(|_| anyhow!("a compile thread died"))??;
        }
        Ok::<(), anyhow::Error>(())
    })?;

    objects(&out, &tools).context("the table of objects")?;
    events(&dir, &out, &clang)
}

/// The stems of `*.bpf.c`, sorted.
fn sources(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".bpf.c").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn clang() -> Result<PathBuf> {
    if let Some(clang) = env::var_os("CBPF_CLANG") {
        return Ok(clang.into());
    }
    let versioned = (14..=19).rev().map(|v| format!("clang-{v}"));
    for name in versioned.chain(["clang".into()]) {
        if Command::new(&name).arg("--version").output().is_ok_and(|o| o.status.success()) {
            return Ok(name.into());
        }
    }
    bail!("no clang: install clang-19 (14 or newer will do), or name one in CBPF_CLANG")
}

fn args(dir: &Path) -> Vec<String> {
    vec![
        "-Wall".into(),
        "-Werror".into(),
        // What compatible kernels pass as extra arguments to a macro's body is not always used.
        "-Wno-unused-function".into(),
        format!("-I{}", dir.display()),
        format!("-ffile-prefix-map={}=bpf", dir.display()),
    ]
}

/// Compiles one tool, unless its object is newer than all it was made from, and checks the object.
fn compile(dir: &Path, out: &Path, clang: &Path, name: &str) -> Result<()> {
    let source = dir.join(format!("{name}.bpf.c"));
    let object = out.join(format!("{name}.bpf.o"));
    let deps = out.join(format!("{name}.d"));
    if up_to_date(&object, &deps, &dir.join("build.rs")).unwrap_or(false) {
        return Ok(());
    }
    let mut args = args(dir);
    args.extend(["-include", "cbpf.bpf.h", "-MMD", "-MF"].map(String::from));
    args.push(deps.display().to_string());
    let made = SkeletonBuilder::new().source(&source).obj(&object).clang(clang).clang_args(args).build();
    let checked = made.map_err(|e| anyhow!("{e:#}")).and_then(|()| Ok(check::object(&fs::read(&object)?)?));
    if checked.is_err() && object.exists() {
        fs::remove_file(&object)?; // or the next build would take it for a good one
    }
    checked.with_context(|| source.display().to_string())
}

fn up_to_date(object: &Path, deps: &Path, script: &Path) -> Result<bool> {
    let modified = |p: &Path| -> Result<SystemTime> { Ok(fs::metadata(p)?.modified()?) };
    let made = modified(object)?;
    let deps = fs::read_to_string(deps)?.replace("\\\n", " ");
    let (_, deps) = deps.split_once(": ").context("no rule")?;
    for dep in deps.split_whitespace().map(Path::new).chain([script, &script.with_file_name("check.rs")]) {
        // libbpf's own headers are unpacked anew each time, so they are gone; they change with Cargo.lock only.
        if dep.exists() && modified(dep)? >= made {
            return Ok(false);
        }
    }
    Ok(true)
}

fn objects(out: &Path, tools: &[String]) -> Result<()> {
    let mut text = String::from("/// Every object, sorted by name.\npub static OBJECTS: &[Object] = &[\n");
    for name in tools {
        let types = kernel_types(&out.join(format!("{name}.bpf.o"))).with_context(|| name.clone())?;
        text += &format!(
            "    Object {{\n        name: \"{name}\",\n        \
             bytes: &Aligned(*include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.bpf.o\"))).0,\n        \
             types: &{types:?},\n    }},\n"
        );
    }
    text += "];\n";
    fs::write(out.join("objects.rs"), text)?;
    Ok(())
}

/// The kernel types that the object's relocations name, without what follows `___`.
fn kernel_types(object: &Path) -> Result<Vec<String>> {
    let path = CString::new(object.as_os_str().as_encoded_bytes())?;
    let mut ext = ptr::null_mut();
    // SAFETY: a C string, and a pointer of ours that takes the second result.
    let btf = unsafe { libbpf_sys::btf__parse_elf(path.as_ptr(), &mut ext) };
    if btf.is_null() || ext.is_null() {
        bail!("the object has no BTF");
    }
    let mut size = 0;
    // SAFETY: the bytes live as long as `ext`, which is freed below.
    let ext_bytes = unsafe {
        let data = libbpf_sys::btf_ext__raw_data(ext, &mut size);
        slice::from_raw_parts(data.cast::<u8>(), size as usize)
    };
    let name = |id: u32| {
        // SAFETY: libbpf checks the id and the offset, and its strings live as long as `btf`.
        let name = unsafe {
            let t = libbpf_sys::btf__type_by_id(btf, id);
            if t.is_null() { ptr::null() } else { libbpf_sys::btf__name_by_offset(btf, (*t).name_off) }
        };
        // SAFETY: as above.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
    };
    let names = relocated(ext_bytes)?.into_iter().map(|id| {
        let name = name(id).with_context(|| format!("no type {id}"))?;
        Ok(name.rsplit_once("___").map_or(name.as_str(), |(name, _)| name).to_owned())
    });
    let names = names.collect::<Result<BTreeSet<String>>>();
    // SAFETY: both came from libbpf and are not used any more.
    unsafe {
        libbpf_sys::btf_ext__free(ext);
        libbpf_sys::btf__free(btf);
    }
    Ok(names?.into_iter().collect())
}

/// The types that the relocations in a `.BTF.ext` section start from (struct btf_ext_header, libbpf's btf.h).
fn relocated(ext: &[u8]) -> Result<Vec<u32>> {
    // enum bpf_core_relo_kind. The engine hands libbpf an extract of the kernel's types (`kernel_types` in common/),
    // in which ids are others, and the inside of a structure behind a pointer is left out.
    const TYPE_ID_TARGET: u32 = 7;
    const TYPE_MATCHES: u32 = 12;
    let word = |at: usize| -> Result<u32> {
        let bytes = ext.get(at..at + 4).context("the section is cut short")?;
        Ok(u32::from_ne_bytes(bytes.try_into()?))
    };
    let [header, start, len] = [word(4)?, word(24)?, word(28)?].map(|n| n as usize);
    let (mut at, end) = (header + start, header + start + len);
    let mut types = Vec::new();
    if len > 0 {
        let record = word(at)? as usize;
        at += 4;
        while at < end {
            let count = word(at + 4)?;
            at += 8;
            for _ in 0..count {
                let kind = word(at + 12)?;
                if kind == TYPE_ID_TARGET || kind == TYPE_MATCHES {
                    bail!("bpf_core_type_id_kernel() and bpf_core_type_matches() are not to be had");
                }
                types.push(word(at + 4)?);
                at += record;
            }
        }
    }
    Ok(types)
}

/// An event that is only ever written to the ring never reaches an object's BTF. So one more object declares an
/// instance of every struct in the `NAME.h` files, and libbpf-cargo turns those into Rust.
fn events(dir: &Path, out: &Path, clang: &Path) -> Result<()> {
    let mut headers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".h") && !name.ends_with(".bpf.h") && name != "vmlinux.h" {
            headers.push(name);
        }
    }
    headers.sort();
    let mut text = String::from("#include \"vmlinux.h\"\n#include \"event.h\"\n");
    let mut instances = String::new();
    let mut structs = Vec::new();
    for header in &headers {
        text += &format!("#include \"{header}\"\n");
        for line in fs::read_to_string(dir.join(header))?.lines() {
            let Some((kind, name)) = line.strip_suffix(" {").and_then(|l| l.split_once(' ')) else { continue };
            if kind == "struct" || kind == "enum" {
                instances += &format!("{kind} {name} an_{name};\n");
            }
            if kind == "struct" {
                structs.push(name.to_owned());
            }
        }
    }
    text += &instances;
    text += "char LICENSE[] __attribute__((section(\"license\"), used)) = \"Dual BSD/GPL\";\n";
    let source = out.join("events.bpf.c");
    fs::write(&source, text)?;
    let skeleton = out.join("events_skeleton.rs");
    SkeletonBuilder::new()
        .source(&source)
        .clang(clang)
        .clang_args(args(dir))
        .build_and_generate(&skeleton)
        .map_err(|e| anyhow!("event layouts: {e:#}"))?;
    // Of the skeleton only the types are wanted.
    let skeleton = fs::read_to_string(skeleton)?;
    let (_, types) = skeleton.split_once("    pub mod types {\n").context("no types in the skeleton")?;
    let (types, _) = types.split_once("\n    }\n").context("the types have no end")?;
    let types = types.replace("use super::*;", "");
    let mut plain = String::new();
    for name in structs {
        plain += &format!(
            "// SAFETY: generated from a C struct of integers and arrays of them: any bytes are a value.\n\
             unsafe impl plain::Plain for {name} {{}}\n"
        );
    }
    fs::write(out.join("events.rs"), types + "\n" + &plain)?;
    Ok(())
}
