//! What is made from the command lines and kept in the repository: completions and manual pages. `TRYCMD=overwrite cargo
//! test -p cbpf` writes them anew; without it a file that is out of date fails.
//!
//! What an option table does not say of a page stands in `man/text/`: `NAME.md` for a tool, `NAME.SECTION.md` for any other
//! page. Paragraphs, `## HEADING`, `* TERM: text`, lines indented by four blanks as they stand, and `bold`; no more.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cbpf_common::out::Column;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use crate::cli::tool::Entry;
use crate::registry::{ALIASES, TOOLS};
use crate::whole;

fn repository(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect()
}

/// Writes the files into a folder, or compares them with what is there; a file too many is out of date too.
fn keep(folder: &str, made: &BTreeMap<String, Vec<u8>>) {
    let folder = repository(folder);
    if std::env::var_os("TRYCMD").is_some_and(|v| v == "overwrite") {
        files(&folder).iter().for_each(|path| fs::remove_file(path).unwrap());
        fs::create_dir_all(&folder).unwrap();
        made.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
    }
    let stale = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        made.get(&*name) != fs::read(path).ok().as_ref()
    };
    let mut all: Vec<PathBuf> = files(&folder).into_iter().chain(made.keys().map(|name| folder.join(name))).collect();
    all.retain(stale);
    assert!(all.is_empty(), "out of date, `TRYCMD=overwrite cargo test -p cbpf` fixes it: {all:?}");
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

/// The hand-written part of a page: its sections in their order, the first one, without a heading, is the description.
struct Text(Vec<(String, String)>);

impl Text {
    fn parse(text: &str) -> Self {
        let mut sections = vec![("DESCRIPTION".to_owned(), String::new())];
        for line in text.lines() {
            match line.strip_prefix("## ") {
                Some(heading) => sections.push((heading.to_owned(), String::new())),
                None => sections.last_mut().unwrap().1.extend([line, "\n"]),
            }
        }
        Self(sections)
    }

    /// Takes a section out.
    fn take(&mut self, heading: &str) -> Option<String> {
        let at = self.0.iter().position(|(name, text)| name == heading && !text.trim().is_empty())?;
        Some(self.0.remove(at).1)
    }
}

/// Blocks with blank lines between them.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.is_empty())
}

/// `(term, text)` of each line that begins with a star; lines that are indented go on with the one before.
fn items(block: &str) -> Vec<(String, String)> {
    let joined = block.replace("\n  ", " ");
    let item = |line: &str| {
        let item = line.strip_prefix("* ").and_then(|item| item.split_once(": "));
        item.map_or_else(|| panic!("not `* TERM: text`: {line}"), |(term, text)| (term.to_owned(), text.to_owned()))
    };
    joined.lines().map(item).collect()
}

/// What stands between backquotes is bold.
fn inline(text: &str) -> Vec<Inline> {
    let part = |(n, part): (usize, &str)| if n % 2 == 1 { bold(part) } else { roman(part.replace('\n', " ")) };
    text.split('`').enumerate().filter(|(_, part)| !part.is_empty()).map(part).collect()
}

fn put(roff: &mut Roff, text: &str) {
    for block in blocks(text) {
        if block.lines().all(|line| line.starts_with("    ")) {
            roff.control("PP", []).control("EX", []);
            block.lines().for_each(|line| _ = roff.text([roman(&line[4..])]));
            roff.control("EE", []);
        } else if block.starts_with("* ") {
            for (term, text) in items(block) {
                roff.control("TP", []).text([bold(term.replace('`', ""))]).text(inline(&text));
            }
        } else {
            roff.control("PP", []).text(inline(block));
        }
    }
}

fn section(roff: &mut Roff, heading: &str, text: &str) {
    roff.control("SH", [heading]);
    put(roff, text);
}

fn fields(roff: &mut Roff, text: &str, columns: &[Column]) {
    roff.control("SH", ["FIELDS"]);
    for block in blocks(text) {
        if !block.starts_with("* ") {
            put(roff, block);
            continue;
        }
        for (term, text) in items(block) {
            let key = columns.iter().find(|column| field(column) == term).map_or("", |column| column.key);
            let mut title = vec![bold(&*term)];
            if !key.is_empty() && key != term {
                title.extend([roman(" ("), italic(key), roman(")")]);
            }
            roff.control("TP", []).text(title).text(inline(&text));
        }
    }
}

/// What a column is called: its header, or the JSON key of what JSON alone has.
fn field(column: &Column) -> &'static str {
    if column.name.is_empty() { column.key } else { column.name }
}

/// Everything of a page, with the preamble of roff but once.
fn page(title: &str, number: &str, about: &str, parts: &[String]) -> Vec<u8> {
    let manual = match number {
        "1" => "User Commands",
        "7" => "Miscellaneous",
        _ => "System Manager's Manual",
    };
    let preamble = Roff::new().render();
    let mut name = Roff::new();
    name.control("SH", ["NAME"]).text([roman(format!("{title} - {about}"))]);
    let head = format!(".TH {} {number} \"\" cbpf \"{manual}\"\n", title.to_uppercase());
    let body = [name.render(), parts.concat()].concat().replace(&preamble, "").replace('…', "...");
    let mut text = [preamble, head].concat();
    // A paragraph behind a heading and an empty line mean nothing, and are warned of.
    let mut before = "";
    for line in body.lines() {
        let nothing =
            line.is_empty() || (line == ".PP" && before.starts_with(".SH")) || (line == ".br" && before == line);
        if !nothing {
            text.extend([line, "\n"]);
            before = line;
        }
    }
    text.into_bytes()
}

/// The sections of the option table; there too what stands between backquotes is bold.
fn options(command: clap::Command) -> String {
    let mut roff = Vec::new();
    Man::new(command.after_help("")).render_options_section(&mut roff).unwrap();
    let text = String::from_utf8(roff).unwrap();
    let part = |(n, part): (usize, &str)| if n % 2 == 1 { format!("\\fB{part}\\fR") } else { part.to_owned() };
    text.split('`').enumerate().map(part).collect()
}

fn of_tool(tool: &Entry, mut text: Text) -> Vec<u8> {
    let name = format!("cbpf-{}", tool.name);
    let mut command = (tool.command)().name(&*name.clone().leak()).bin_name(format!("cbpf {}", tool.name));
    let usage = command.render_usage().to_string();
    let mut before = Roff::new();
    before.control("SH", ["SYNOPSIS"]).text([bold(usage.trim_start_matches("Usage: "))]);
    section(&mut before, "DESCRIPTION", &text.take("DESCRIPTION").unwrap_or_default());
    put(&mut before, tool.notes);
    let mut after = Roff::new();
    if let Some(text) = text.take("FIELDS") {
        fields(&mut after, &text, &(tool.columns)());
    }
    if let Some(text) = text.take("REPORT") {
        section(&mut after, "REPORT", &text);
    }
    after.control("SH", ["EXAMPLES"]);
    for (example, what) in tool.examples {
        after.control("TP", []).text([bold(*example)]).text(inline(what));
    }
    put(&mut after, &text.take("EXAMPLES").unwrap_or_default());
    text.0.iter().for_each(|(heading, text)| section(&mut after, heading, text));
    section(&mut after, "SEE ALSO", "cbpf(1), cbpf-ownership(7)");
    page(&name, "1", tool.about, &[before.render(), options(command), after.render()])
}

/// A page that no tool has; `# NAME - what it is` stands above its text. Of `cbpf.1` the tools are listed.
fn other(name: &str, text: &str) -> Vec<u8> {
    let (title, number) = name.rsplit_once('.').unwrap_or_else(|| panic!("man/text/{name}.md: there is no such tool"));
    let (head, text) = text.split_once('\n').unwrap_or_default();
    let about = head.strip_prefix(&format!("# {title} - ")).unwrap_or_else(|| panic!("man/text/{name}.md: {head}"));
    let mut roff = Roff::new();
    for (heading, text) in Text::parse(text).0 {
        if heading == "TOOLS" {
            section(&mut roff, &heading, &text);
            for tool in TOOLS {
                roff.control("TP", []).text([bold(tool.name)]).text([roman(tool.about)]);
            }
            let aliases: Vec<String> = ALIASES.iter().map(|(alias, tool)| format!("{alias} ({tool})")).collect();
            put(&mut roff, &format!("Other names: {}.", aliases.join(", ")));
        } else if !text.trim().is_empty() {
            section(&mut roff, &heading, &text);
        }
    }
    page(title, number, about, &[roff.render()])
}

/// The texts by name.
fn texts() -> BTreeMap<String, String> {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files(&repository("man/text")).iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// What a tool's text has to say, and does not.
fn missing(tool: &Entry, text: Option<&String>) -> Vec<String> {
    let wanted: Vec<&str> = (tool.columns)().iter().map(field).collect();
    let list = |fields: &[&str]| fields.join(", ");
    let Some(text) = text else {
        return vec![format!(
            "write it, as the other texts there are written: what it shows; {}; ## EXAMPLES with what it really printed; \
             ## OVERHEAD: what makes its programs run, and how often; ## LIMITS: what it will not show",
            if wanted.is_empty() {
                "## REPORT: what its histograms or stacks mean".into()
            } else {
                format!("## FIELDS with `* NAME: text` for {}", list(&wanted))
            }
        )];
    };
    let mut text = Text::parse(text);
    let mut says = Vec::new();
    if text.take("DESCRIPTION").is_none() {
        says.push("say first what it shows".into());
    }
    let fields = text.take("FIELDS").unwrap_or_default();
    let items: Vec<(String, String)> =
        blocks(&fields).filter(|block| block.starts_with("* ")).flat_map(items).collect();
    let said: Vec<&str> = items.iter().map(|(name, _)| &**name).collect();
    let new: Vec<&str> = wanted.iter().copied().filter(|name| !said.contains(name)).collect();
    let gone: Vec<&str> = said.iter().copied().filter(|name| !wanted.contains(name)).collect();
    if !new.is_empty() {
        says.push(format!("## FIELDS lacks `* NAME: text` for {}", list(&new)));
    }
    if !gone.is_empty() {
        says.push(format!("## FIELDS has {}, which no column of it has as header or JSON key", list(&gone)));
    }
    if wanted.is_empty() && text.take("REPORT").is_none() {
        says.push("it has no columns: ## REPORT says what its histograms or stacks mean".into());
    }
    for heading in ["OVERHEAD", "LIMITS"] {
        if text.take(heading).is_none() {
            says.push(format!("## {heading} is not there"));
        }
    }
    says
}

#[test]
fn every_tool_has_a_text_with_all_of_its_fields() {
    let texts = texts();
    let of = |tool: &Entry| missing(tool, texts.get(tool.name)).join("; ");
    let wrong: Vec<String> = TOOLS
        .iter()
        .map(|tool| (tool.name, of(tool)))
        .filter(|(_, what)| !what.is_empty())
        .map(|(name, what)| format!("man/text/{name}.md: {what}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}\nand then `TRYCMD=overwrite cargo test -p cbpf`", wrong.join("\n"));
}

#[test]
fn manual_pages_are_those_of_the_options_and_the_texts() {
    let mut texts = texts();
    let mut pages = BTreeMap::new();
    for tool in TOOLS {
        let text = Text::parse(&texts.remove(tool.name).unwrap_or_default());
        pages.insert(format!("cbpf-{}.1", tool.name), of_tool(tool, text));
    }
    pages.extend(texts.iter().map(|(name, text)| (name.clone(), other(name, text))));
    keep("man", &pages);
}
