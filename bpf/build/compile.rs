//! How C becomes an object: the compiler, its flags, and the checks. The build and the tests of it share this.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, anyhow, bail};
use libbpf_cargo::SkeletonBuilder;

use crate::audit;

/// The compiler: `CBPF_CLANG`, or the newest of clang-19 … clang-14, clang.
pub fn clang() -> Result<PathBuf> {
    if let Some(clang) = env::var_os("CBPF_CLANG") {
        return Ok(clang.into());
    }
    let versioned = (14..=19).rev().map(|v| format!("clang-{v}"));
    for name in versioned.chain(["clang".into()]) {
        if version(Path::new(&name)).is_some() {
            return Ok(name.into());
        }
    }
    bail!("no clang: install clang-19 (14 or newer will do), or name one in CBPF_CLANG")
}

/// What the compiler says it is, if it is there.
pub fn version(clang: &Path) -> Option<String> {
    let output = Command::new(clang).arg("--version").output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The flags of all C in `dir`.
pub fn flags(dir: &Path) -> Vec<String> {
    vec![
        "-Wall".into(),
        // Not for style only: clang takes a proof that is no parameter for an ignored attribute (owner.bpf.h).
        "-Werror".into(),
        "-Wstrict-prototypes".into(),
        // What compatible kernels pass as extra arguments to a macro's body is not always used.
        "-Wno-unused-function".into(),
        // With raw.bpf.h's own means against it: a call made of two would come from nowhere, see audit.rs.
        "-mllvm".into(),
        "-enable-tail-merge=false".into(),
        format!("-I{}", dir.display()),
        format!("-I{}/include", dir.display()),
        format!("-ffile-prefix-map={}=bpf", dir.display()),
    ]
}

/// Compiles one tool with the headers in `dir`, and checks its text and its object.
pub fn tool(dir: &Path, source: &Path, object: &Path, clang: &Path, extra: &[String]) -> Result<()> {
    let text = fs::read_to_string(source).with_context(|| source.display().to_string())?;
    audit::source(&source.file_name().unwrap_or_default().to_string_lossy(), &text)?;
    let mut flags = flags(dir);
    flags.extend(["-include", "cbpf.bpf.h"].map(String::from));
    flags.extend_from_slice(extra);
    // Under its name there is never one that is not whole or not good: the next build would take it for that.
    let made = object.with_extension("new");
    SkeletonBuilder::new()
        .source(source)
        .obj(&made)
        .clang(clang)
        .clang_args(flags)
        .build()
        .map_err(|e| anyhow!("{e:#}"))
        .and_then(|()| audit::object(&fs::read(&made)?))
        .and_then(|()| Ok(fs::rename(&made, object)?))
        .with_context(|| source.display().to_string())
}
