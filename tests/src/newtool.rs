//! Follows "Add a tool in five steps" of CONTRIBUTING.md to the letter, in a copy of the repository, and uses the tool.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::cases::CASES;
use crate::process::own_exe;

const TOOL: &str = "hellosnoop";

/// A fenced block whose first line says where its text belongs.
struct Block {
    path: String,
    /// Lines to be added to the file, rather than the file: at the tool's place in the alphabet, below that heading.
    below: Option<String>,
    text: String,
}

/// The blocks of a document that name a path.
fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: String = lines.by_ref().take_while(|l| *l != "```").map(|l| format!("{l}\n")).collect();
        let mut words = info.split(' ').skip(1);
        let Some(path) = words.next() else { continue };
        let below = words.next().map(|_plus| words.next().unwrap_or_default().to_owned());
        blocks.push(Block { path: path.into(), below, text });
    }
    blocks
}

/// Puts `lines` in front of the first line about a tool that comes later in the alphabet.
fn insert(text: &str, lines: &str, below: &str) -> Result<String> {
    let tool_of = |line: &str| {
        let word = line.trim_start_matches(|c: char| !c.is_alphanumeric()).split(|c: char| !c.is_alphanumeric()).next();
        CASES.iter().map(|case| case.tool).find(|tool| Some(*tool) == word)
    };
    let begin = if below.is_empty() { 0 } else { text.find(&format!("## {below}\n")).context("no such heading")? };
    let mut at = begin;
    let mut place = None;
    for line in text[begin..].split_inclusive('\n') {
        match tool_of(line) {
            Some(tool) if tool > TOOL => {
                place = Some(at);
                break;
            }
            Some(_) => place = Some(at + line.len()),
            None if place.is_some() => break,
            None => {}
        }
        at += line.len();
    }
    let (before, after) = text.split_at(place.context("no lines of tools")?);
    Ok(format!("{before}{lines}{after}"))
}

/// Makes `to` what git has of `from`. Files that are as they were are not touched: they need not be built again.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(from).output().context("git")?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    for name in String::from_utf8(output.stdout)?.split_terminator('\0') {
        let Ok(bytes) = fs::read(from.join(name)) else { continue }; // deleted, and git not told yet
        write(&to.join(name), &bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|before| before == bytes) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("no folder")?)?;
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// Runs a command of the copy; its stdout.
fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let last: Vec<&str> = stderr.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
        bail!("{command:?}: {}\n{stdout}{}", output.status, last.join("\n"));
    }
    Ok(text(&output.stdout))
}

/// The test. A reason says why it cannot be done here.
pub fn five_steps() -> Result<Option<String>> {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().context("the sources are gone")?;
    if !repo.join(".git").exists() {
        return Ok(Some("this is not a clone of the repository".into()));
    }
    let debug = own_exe()?.parent().context("no folder")?.to_path_buf();
    let home = debug.with_file_name("newtool");
    let tree = home.join("tree");
    let document = fs::read_to_string(repo.join("CONTRIBUTING.md"))?;
    let steps = blocks(&document);
    ensure!(steps.len() >= 8, "CONTRIBUTING.md has only {} blocks with a path", steps.len());
    copy(&repo, &tree)?;
    for Block { path, below, text } in &steps {
        let file = tree.join(path);
        let text = match below {
            None => {
                ensure!(!repo.join(path).exists(), "{path} is there already");
                text.clone()
            }
            Some(below) => {
                // What an earlier block added stays.
                let first = steps.iter().position(|s| s.path == *path) == steps.iter().position(|s| s.text == *text);
                let from = if first { repo.join(path) } else { file.clone() };
                insert(&fs::read_to_string(from)?, text, below).with_context(|| path.clone())?
            }
        };
        write(&file, text.as_bytes())?;
    }

    let target = home.join("target");
    seed(&debug, &target)?;
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let build = ["build", "-q", "--offline", "-p", "cbpf", "-p", "cbpf-tests", "--bin", "cbpf", "--bin", "cbpf-suite"];
    run(Command::new(cargo).args(build).current_dir(&tree).env("CARGO_TARGET_DIR", &target))?;

    let made = target.join("debug");
    let suite = || {
        let mut command = Command::new(made.join("cbpf-suite"));
        command.env_remove("CBPF");
        command
    };
    run(suite().args(["verifier", "--write"]))?;
    ensure!(fs::read_to_string(tree.join("tests/verifier.txt"))?.contains(TOOL), "no line in verifier.txt");
    let tested = run(suite().args(["here", &format!("owner {TOOL} strict")]))?;
    ensure!(tested.contains("2 passed, 0 failed, 0 skipped"), "{tested}");

    let args = [TOOL, "--json", "--scope", "user", "--", "/bin/sh", "-c", "/bin/sh -c 'exit 3'; true"];
    let rows = run(Command::new(made.join("cbpf")).args(args))?;
    let rows = rows.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let threes = rows.iter().filter(|r| r["type"] == "event" && r["status"] == 3 && r["comm"] == "sh").count();
    ensure!(threes == 1, "{rows:?}");
    Ok(None)
}

/// Lends a new target folder what is already built of other people's crates. Cargo takes the links for its own.
fn seed(debug: &Path, target: &Path) -> Result<()> {
    let to = target.join("debug");
    if to.exists() || !debug.ends_with("debug") {
        return Ok(());
    }
    fs::create_dir_all(&to)?;
    let from = ["build", "deps", ".fingerprint"].map(|name| debug.join(name));
    run(Command::new("cp").arg("-al").args(from).arg(&to)).map(drop)
}
