//! What cbpf says on a command line, with no privilege at all: helps, and how it refuses. `TRYCMD=overwrite cargo test
//! -p cbpf --test cli` writes the snapshots in `tests/cli/` anew, and a new tool's for the first time; read the
//! difference before you commit it.

#![allow(clippy::unwrap_used, reason = "a test of its own; clippy.toml knows `mod tests` only")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CBPF: &str = env!("CARGO_BIN_EXE_cbpf");

fn tools() -> impl Iterator<Item = &'static str> {
    cbpf_bpf::OBJECTS.iter().map(|object| object.name).filter(|name| *name != "viewer")
}

#[test]
fn what_cbpf_says_is_as_before() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cli");
    let overwrite = std::env::var_os("TRYCMD").is_some_and(|v| v == "overwrite");
    for tool in tools() {
        let case = cases.join(format!("help-{tool}.trycmd"));
        if overwrite && !case.exists() {
            fs::write(&case, format!("```console\n$ cbpf {tool} --help\n```\n")).unwrap();
        }
        assert!(case.exists(), "no snapshot of `cbpf {tool} --help`; TRYCMD=overwrite makes one");
    }
    let test = trycmd::TestCases::new();
    test.register_bin("cbpf", Path::new(CBPF));
    test.insert_var("[VERSION]", env!("CARGO_PKG_VERSION")).unwrap();
    // The width of a help, and nothing of the user's.
    test.env("COLUMNS", "100").env("NO_COLOR", "1");
    test.case("../tests/cli/*.trycmd");
}

/// The README's table of tools is what `cbpf list` says.
#[test]
fn the_readme_lists_the_tools_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let list = String::from_utf8(run(Path::new(CBPF), &["list"]).stdout).unwrap();
    let rows = list.lines().skip(1).map(|line| {
        let (name, about) = line.trim().split_once(' ').unwrap();
        format!("| {name} | {} |\n", about.trim())
    });
    let table = format!("| tool | shows |\n|---|---|\n{}", rows.collect::<String>());
    if readme.contains(&table) {
        return;
    }
    assert!(std::env::var_os("TRYCMD").is_some_and(|v| v == "overwrite"), "not in README.md:\n{table}");
    let (before, rest) = readme.split_once("| tool | shows |\n").unwrap();
    let (_, after) = rest.split_once("|\n\n").unwrap();
    fs::write(path, format!("{before}{table}\n{after}")).unwrap();
}

fn run(program: &Path, args: &[&str]) -> Output {
    Command::new(program).args(args).env("COLUMNS", "100").output().unwrap()
}

#[test]
fn a_link_named_like_a_tool_is_that_tool() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("links");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    let help = run(Path::new(CBPF), &["opensnoop", "--help"]);
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    for name in ["opensnoop", "cbpf-opensnoop"] {
        let link = dir.join(name);
        symlink(CBPF, &link).unwrap();
        assert_eq!(String::from_utf8(run(&link, &["--help"]).stdout).unwrap(), help, "{name}");
        assert_eq!(run(&link, &["-p", "x"]).status.code(), Some(2), "{name}");
    }
    // Any other name is cbpf itself.
    let link = dir.join("mytrace");
    symlink(CBPF, &link).unwrap();
    assert!(run(&link, &["opensnoop", "--help"]).status.success());
    assert_eq!(run(&link, &["--help"]).status.code(), Some(0));
}

#[test]
fn every_tool_helps_and_says_its_version() {
    for tool in tools() {
        for arg in ["--help", "-h", "--version", "-V"] {
            let output = run(Path::new(CBPF), &[tool, arg]);
            // -h and -V may be a tool's own letters.
            assert!(output.status.success() || !arg.starts_with("--"), "{tool} {arg}: {output:?}");
        }
    }
}
