//! What is made from the command lines and kept in the repository: completions and manual pages. `TRYCMD=overwrite cargo
//! test -p cbpf` writes them anew; without it a file that is out of date fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::registry::TOOLS;
use crate::whole;

/// Writes the files into a folder, or compares them with what is there; a file too many is out of date too.
fn keep(folder: &str, files: &BTreeMap<String, Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let there = || fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
    if std::env::var_os("TRYCMD").is_some_and(|v| v == "overwrite") {
        there().for_each(|path| fs::remove_file(path).unwrap());
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
    }
    let stale = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.get(&*name) != fs::read(path).ok().as_ref()
    };
    let mut all: Vec<PathBuf> = there().chain(files.keys().map(|name| folder.join(name))).collect();
    all.retain(stale);
    assert!(all.is_empty(), "out of date, `TRYCMD=overwrite cargo test -p cbpf` mends it: {all:?}");
}

#[test]
fn completions_are_those_of_the_options() {
    let files = [(Shell::Bash, "cbpf.bash"), (Shell::Zsh, "_cbpf"), (Shell::Fish, "cbpf.fish")];
    let made = files.map(|(shell, name)| {
        let mut text = Vec::new();
        generate(shell, &mut whole(), "cbpf", &mut text);
        (name.to_owned(), text)
    });
    keep("completions", &made.into());
}

/// Paragraphs, and as they stand the lines that are indented.
fn paragraphs(roff: &mut Roff, text: &str) {
    for paragraph in text.split("\n\n") {
        roff.control("PP", []);
        roff.text([roman(paragraph)]);
    }
}

fn page(mut command: clap::Command, see: &[String], notes: &str, examples: &[(&str, &str)]) -> Vec<u8> {
    let title = command.get_name().to_owned();
    let usage = command.render_usage().to_string();
    let man = Man::new(command.after_help("")).title(title).section("1").source("cbpf").manual("User Commands");
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(usage.trim_start_matches("Usage: "))]);
    roff.to_writer(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    man.render_options_section(&mut text).unwrap();
    let mut roff = Roff::new();
    if !notes.is_empty() {
        roff.control("SH", ["NOTES"]);
        paragraphs(&mut roff, notes);
    }
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for (example, what) in examples {
        roff.control("TP", []);
        roff.text([bold(*example)]);
        roff.text([roman(*what)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(see.join(", "))]);
    roff.to_writer(&mut text).unwrap();
    text
}

#[test]
fn manual_pages_are_those_of_the_options() {
    let mut pages = BTreeMap::new();
    let all: Vec<String> = TOOLS.iter().map(|tool| format!("cbpf-{}(1)", tool.name)).collect();
    for tool in TOOLS {
        let name = format!("cbpf-{}", tool.name);
        let command = (tool.command)().name(&*name.clone().leak()).bin_name(format!("cbpf {}", tool.name));
        pages.insert(format!("{name}.1"), page(command, &["cbpf(1)".into()], tool.notes, tool.examples));
    }
    let top = whole();
    let notes = crate::base().get_after_help().map(ToString::to_string).unwrap_or_default();
    pages.insert("cbpf.1".into(), page(top, &all, &notes, &[]));
    keep("man", &pages);
}
