//! Compiles every `NAME.bpf.c` of the folder above, checks the objects, and generates `objects.rs` (the table of them)
//! and `events.rs` (the event layouts, from the C structs) for `lib.rs` to include.
//!
//! Environment: `CBPF_CLANG` names the compiler; without it the newest of clang-19 … clang-14, clang is taken.

#![allow(clippy::print_stdout, reason = "Cargo reads it")]

mod audit;
#[allow(dead_code, reason = "the library uses the rest")]
mod check;
#[allow(dead_code, reason = "the tests use the rest")]
mod compile;
mod relocations;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;
use std::{env, fs, thread};

use anyhow::{Context as _, Result, anyhow};
use libbpf_cargo::SkeletonBuilder;
use miniz_oxide::deflate::compress_to_vec;

fn main() -> Result<()> {
    let dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // The directory, not its files: a header edited or added must be seen too.
    println!("cargo:rerun-if-changed={}", dir.display());
    println!("cargo:rerun-if-env-changed=CBPF_CLANG");

    let tools = sources(&dir)?;
    for header in headers(&dir)? {
        let name = header.file_name().unwrap_or_default().to_string_lossy();
        audit::source(&name, &fs::read_to_string(&header)?)?;
    }
    let clang = compile::clang()?;
    // What another compiler made is not up to date.
    let stamp = out.join("compiler");
    let version = compile::version(&clang).with_context(|| format!("{} does not run", clang.display()))?;
    if fs::read_to_string(&stamp).unwrap_or_default() != version {
        fs::write(&stamp, version)?;
    }
    let jobs: Mutex<Vec<&String>> = Mutex::new(tools.iter().collect());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            loop {
                let Some(name) = jobs.lock().map_err(|_| anyhow!("a compile thread died"))?.pop() else {
                    return Ok(());
                };
                make(&dir, &out, &clang, name)?;
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for handle in threads {
            handle.join().map_err(|_| anyhow!("a compile thread died"))??;
        }
        Ok::<(), anyhow::Error>(())
    })?;

    objects(&out, &tools)?;
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

/// The tools' headers, and those that they share, sorted.
fn headers(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut headers = Vec::new();
    for dir in [dir, &dir.join("include")] {
        for entry in fs::read_dir(dir)? {
            headers.extend(Some(entry?.path()).filter(|path| path.extension().is_some_and(|end| end == "h")));
        }
    }
    headers.sort();
    Ok(headers)
}

/// Compiles one tool, unless its object is newer than all it was made from, and checks the object.
fn make(dir: &Path, out: &Path, clang: &Path, name: &str) -> Result<()> {
    let object = out.join(format!("{name}.bpf.o"));
    let deps = out.join(format!("{name}.d"));
    if up_to_date(&object, &deps, dir, &out.join("compiler")).unwrap_or(false) {
        return Ok(());
    }
    let extra = ["-MMD".into(), "-MF".into(), deps.display().to_string()];
    compile::tool(dir, &dir.join(format!("{name}.bpf.c")), &object, clang, &extra)
}

fn up_to_date(object: &Path, deps: &Path, dir: &Path, compiler: &Path) -> Result<bool> {
    let modified = |p: &Path| -> Result<SystemTime> { Ok(fs::metadata(p)?.modified()?) };
    let made = modified(object)?;
    let deps = fs::read_to_string(deps)?.replace("\\\n", " ");
    let (_, deps) = deps.split_once(": ").context("no rule")?;
    let ours = ["audit.rs", "check.rs", "compile.rs", "main.rs"].map(|name| dir.join("build").join(name));
    for dep in deps.split_whitespace().map(Path::new).chain(ours.iter().map(PathBuf::as_path)).chain([compiler]) {
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
        let object = fs::read(out.join(format!("{name}.bpf.o")))?;
        let types = relocations::types(&object).with_context(|| format!("the relocations of {name}"))?;
        let tracepoints = relocations::tracepoints(&object)?;
        // Three quarters of an object are names and places in the source, of which one is read in each run.
        fs::write(out.join(format!("{name}.z")), compress_to_vec(&object, 10))?;
        text += &format!(
            "    Object {{\n        name: \"{name}\",\n        size: {},\n        \
             packed: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.z\")),\n        \
             types: &{types:?},\n        tracepoints: &{tracepoints:?},\n    }},\n",
            object.len()
        );
    }
    text += "];\n";
    fs::write(out.join("objects.rs"), text)?;
    Ok(())
}

/// An event that is only ever written to the ring never reaches an object's BTF. So one more object declares an
/// instance of every struct in the `NAME.h` files, and libbpf-cargo turns those into Rust.
fn events(dir: &Path, out: &Path, clang: &Path) -> Result<()> {
    let mut text = String::from("#include \"vmlinux.h\"\n#include \"event.h\"\n");
    let mut instances = String::new();
    let mut structs = Vec::new();
    for header in headers(dir)? {
        let name = header.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".bpf.h") || name == "vmlinux.h" {
            continue;
        }
        text += &format!("#include \"{name}\"\n");
        for line in fs::read_to_string(&header)?.lines() {
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
        .clang_args(compile::flags(dir))
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
    // FNV-1a: tells builds apart whose layouts differ; nobody gains by making two collide.
    let layout = types.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let layout = format!(
        "/// Stands for all layouts below: builds with the same one understand each other's events.\npub const LAYOUT: u64 = {layout:#x};\n"
    );
    fs::write(out.join("events.rs"), layout + &types + "\n" + &plain)?;
    Ok(())
}
