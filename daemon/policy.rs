//! Who may trace what: `/etc/cbpf/policy.d/*.toml`, then `/etc/cbpf/policy.toml`. The first rule that fits a process
//! decides; without any file there is one rule that fits all.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cbpf_common::owner::Scope;
use serde::Deserialize;

use crate::peer::Identity;

/// Where policies are, unless told.
pub const DIR: &str = "/etc/cbpf";

/// A policy: rules in the order they are asked.
#[derive(Debug, Default)]
pub struct Policy {
    rules: Vec<(PathBuf, Rule)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// What some processes may.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Uids it is for, as the host numbers them; none: all.
    uid: Option<Vec<u32>>,
    /// Groups, by number, one of which the process must be in.
    gid: Option<Vec<u32>>,
    /// Path of the process's cgroup, as below /sys/fs/cgroup; `*` stands for a part of a name, `**` for more.
    cgroup: Option<String>,
    /// Tools; none: all of them.
    tools: Option<Vec<String>>,
    /// The widest scope.
    #[serde(default)]
    pub scope: Widest,
    /// Sessions at the same time, of all processes of a uid.
    #[serde(default = "Rule::default_sessions")]
    pub sessions: u32,
    /// Memory for the ring and the maps of a session, MiB.
    #[serde(default = "Rule::default_memory")]
    pub memory_mib: u32,
    /// Events of a session in a second; 0: any number.
    #[serde(default)]
    pub events_per_second: u32,
}

/// How a rule bounds the scope.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Widest {
    /// What comes with being who one is: own tasks, root of a container its container, root of the host the host.
    #[default]
    Own,
    /// Own tasks only.
    User,
    /// As `own`, but not the host.
    Container,
    /// The host, for processes of the host, whoever they are.
    Host,
}

impl Rule {
    fn default_sessions() -> u32 {
        8
    }

    fn default_memory() -> u32 {
        64
    }

    fn fits(&self, who: &Identity) -> bool {
        self.uid.as_ref().is_none_or(|uids| uids.contains(&who.uid))
            && self.gid.as_ref().is_none_or(|gids| who.gids.iter().any(|gid| gids.contains(gid)))
            && self.cgroup.as_ref().is_none_or(|glob| glob_fits(glob.as_bytes(), who.cgroup.as_bytes()))
    }

    /// Was the process's cgroup what made the rule fit?
    pub fn goes_by_cgroup(&self) -> bool {
        self.cgroup.is_some()
    }

    /// May the tool be used?
    pub fn allows(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.iter().any(|t| t == tool))
    }

    /// The widest scope that a process gets.
    pub fn widest(&self, who: &Identity) -> Scope {
        match (self.scope, who.widest()) {
            (Widest::User, _) => Scope::User,
            (Widest::Host, _) if who.on_host() => Scope::Host,
            (Widest::Container, Scope::Host) => Scope::Container,
            (_, own) => own,
        }
    }
}

impl Policy {
    /// The policy in a directory, or the built-in one where there is none.
    ///
    /// # Errors
    /// A part of it is there and cannot be read: it may hold the rule that refuses.
    pub fn read(dir: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let (drop_ins, main) = (dir.join("policy.d"), dir.join("policy.toml"));
        if is_there(dir)? && is_there(&drop_ins)? {
            let cannot = || format!("cannot read {}", drop_ins.display());
            for entry in fs::read_dir(&drop_ins).with_context(cannot)? {
                files.push(entry.with_context(cannot)?.path());
            }
        }
        files.retain(|path| path.extension().is_some_and(|e| e == "toml"));
        files.sort();
        if is_there(&main)? {
            files.push(main);
        }
        if files.is_empty() {
            return Self::parse("built in", "[[rule]]");
        }
        let mut policy = Self::default();
        for path in files {
            policy.rules.append(&mut Self::file(&path)?.rules);
        }
        Ok(policy)
    }

    /// The rules of one file.
    pub fn file(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(path, &text)
    }

    fn parse(path: impl Into<PathBuf>, text: &str) -> Result<Self> {
        let path = path.into();
        let file: File = toml::from_str(text).with_context(|| format!("{} is not a valid policy", path.display()))?;
        let tools = file.rule.iter().flat_map(|rule| rule.tools.iter().flatten());
        for tool in tools {
            let known = tool != "viewer" && cbpf_bpf::object(tool).is_some();
            anyhow::ensure!(known, "{}: there is no tool {tool}", path.display());
        }
        Ok(Self { rules: file.rule.into_iter().map(|rule| (path.clone(), rule)).collect() })
    }

    /// The rule that decides about a process.
    pub fn rule(&self, who: &Identity) -> Option<&Rule> {
        self.rules.iter().map(|(_, rule)| rule).find(|rule| rule.fits(who))
    }

    /// In words.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        for (n, (path, rule)) in self.rules.iter().enumerate() {
            let _ = writeln!(text, "rule {} ({})", n + 1, path.display());
            let who = [
                rule.uid.as_ref().map(|uids| format!("uid {}", list(uids))),
                rule.gid.as_ref().map(|gids| format!("group {}", list(gids))),
                rule.cgroup.as_ref().map(|cgroup| format!("in cgroup {cgroup}")),
            ];
            let who: Vec<String> = who.into_iter().flatten().collect();
            let _ = writeln!(text, "  who:      {}", if who.is_empty() { "everybody".into() } else { who.join(", ") });
            let _ = writeln!(text, "{}", rule.explain());
        }
        text
    }
}

impl Rule {
    /// What it gives, in words.
    pub fn explain(&self) -> String {
        let tools = match &self.tools {
            None => "all".into(),
            Some(tools) if tools.is_empty() => "none".into(),
            Some(tools) => tools.join(", "),
        };
        let scope = match self.scope {
            Widest::Own => "own tasks; root of a container: the container; root of the host: the host, if asked for",
            Widest::User => "own tasks",
            Widest::Container => "own tasks; root of a container: the container",
            Widest::Host => "the host, for processes on it, if asked for",
        };
        let events = match self.events_per_second {
            0 => "any number".into(),
            n => format!("{n} a second"),
        };
        format!(
            "  tools:    {tools}\n  scope:    {scope}\n  sessions: {}, {} MiB each\n  events:   {events}",
            self.sessions, self.memory_mib
        )
    }
}

/// See [`crate::try_policy`].
pub fn try_bytes(bytes: &[u8]) {
    let (text, path) = bytes.iter().position(|b| *b == 0).map_or((bytes, &b"/a/b.service/c"[..]), |at| {
        let (text, path) = bytes.split_at(at);
        (text, &path[1..])
    });
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(policy) = Policy::parse("p", text) else { return };
    let words = policy.explain();
    assert!(words.matches("  who:      ").count() >= policy.rules.len());
    for glob in policy.rules.iter().filter_map(|(_, rule)| rule.cgroup.as_ref()) {
        let fits = glob_fits(glob.as_bytes(), path);
        assert!(fits || glob != "**", "** fits everything");
        assert!(glob_fits(path, path) || path.contains(&b'*'));
    }
}

/// Is there anything of that name? A link that leads nowhere is.
fn is_there(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        _ => fs::metadata(path).map(|_| true).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" or ")
}

/// `*` is any part of a name, `**` any part of a path.
fn glob_fits(glob: &[u8], path: &[u8]) -> bool {
    // Where to go on if what follows the last star does not fit: the classic walk, linear but for one factor.
    let (mut g, mut p) = (0, 0);
    let mut narrow: Option<(usize, usize)> = None;
    let mut wide: Option<(usize, usize)> = None;
    loop {
        if glob[g..].starts_with(b"**") {
            g += 2;
            (wide, narrow) = (Some((g, p)), None);
        } else if glob.get(g) == Some(&b'*') {
            g += 1;
            narrow = Some((g, p));
        } else if p < path.len() && glob.get(g) == Some(&path[p]) {
            (g, p) = (g + 1, p + 1);
        } else if p == path.len() && g == glob.len() {
            return true;
        } else if let Some((after, from)) = narrow.filter(|(_, from)| path.get(*from).is_some_and(|b| *b != b'/')) {
            narrow = Some((after, from + 1));
            (g, p) = (after, from + 1);
        } else if let Some((after, from)) = wide.filter(|(_, from)| *from < path.len()) {
            (wide, narrow) = (Some((after, from + 1)), None);
            (g, p) = (after, from + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_parts_of_names() {
        for (glob, path, fits) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/bc", false),
            ("/a/*", "/a/b", true),
            ("/a/*", "/a/b/c", false),
            ("/a/**", "/a/b/c", true),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*.service/**", "/a/x.y.service/c/d", true),
            ("/**/x-*.scope", "/user.slice/u/x-1.scope", true),
            ("/**/x-*.scope", "/user.slice/u/y-1.scope", false),
            ("/**", "/", true),
            ("*", "", true),
            ("", "/", false),
        ] {
            assert_eq!(glob_fits(glob.as_bytes(), path.as_bytes()), fits, "{glob} {path}");
        }
    }

    #[test]
    fn a_policy_with_a_word_that_is_none_is_refused() {
        for bad in [
            "[[rule]]\nuids = [1]",
            "[[rules]]",
            "[[rule]]\nscope = \"all\"",
            "[[rule]]\nsessions = -1",
            "[[rule]]\ntools = [\"viewer\"]",
            "[[rule]]\ntools = [\"nothing\"]",
            "rule = 1",
            "\u{0}",
        ] {
            assert!(Policy::parse("p", bad).is_err(), "{bad}");
        }
        assert!(Policy::parse("p", "").unwrap().rules.is_empty());
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_not_taken_for_none() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let top = std::env::temp_dir().join(format!("cbpfd-policy-{}", std::process::id()));
        let shut = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        let make = |name: &str| {
            let dir = top.join(name);
            fs::create_dir_all(dir.join("policy.d")).unwrap();
            fs::write(dir.join("policy.d/none.toml"), "[[rule]]\ntools = []\n").unwrap();
            dir
        };
        let (open, whole, part, file) = (make("open"), make("whole"), make("part"), make("file"));
        shut(&whole);
        shut(&part.join("policy.d"));
        shut(&file.join("policy.d/none.toml"));
        let (link, links) = (top.join("link"), make("links"));
        symlink("/nowhere", &link).unwrap();
        symlink("/nowhere", links.join("policy.toml")).unwrap();
        // As root, who may read it all, only a thread that has given that up sees the difference.
        let policies = std::thread::spawn(move || {
            nix::unistd::setfsuid(65534.into());
            assert!(fs::read_dir(&whole).is_err());
            assert!(Policy::read(&open).is_ok_and(|policy| policy.rules.len() == 1));
            [whole, part, file, link, links].map(|dir| Policy::read(&dir).map_err(|e| e.to_string()))
        });
        let policies = policies.join().unwrap();
        for dir in ["whole", "part/policy.d"] {
            fs::set_permissions(top.join(dir), fs::Permissions::from_mode(0o700)).unwrap();
        }
        fs::remove_dir_all(&top).unwrap();
        assert!(policies.iter().all(|p| p.as_ref().is_err_and(|e| e.starts_with("cannot read"))), "{policies:?}");
    }

    #[test]
    fn a_policy_explains_itself() {
        let text = "[[rule]]\nuid = [1000, 1001]\ntools = [\"opensnoop\"]\nscope = \"user\"\nevents_per_second = 500\n\
                    [[rule]]\ncgroup = \"/system.slice/**\"\nsessions = 2\n";
        assert_eq!(
            Policy::parse("p.toml", text).unwrap().explain(),
            "rule 1 (p.toml)\n  who:      uid 1000 or 1001\n  tools:    opensnoop\n  scope:    own tasks\n  \
             sessions: 8, 64 MiB each\n  events:   500 a second\n\
             rule 2 (p.toml)\n  who:      in cgroup /system.slice/**\n  tools:    all\n  scope:    own tasks; root of \
             a container: the container; root of the host: the host, if asked for\n  sessions: 2, 64 MiB each\n  \
             events:   any number\n"
        );
    }

    #[test]
    fn no_text_confuses_the_parser() {
        let seed = "[[rule]]\nuid = [1]\ngid = [2]\ncgroup = \"/a/**\"\nscope = \"host\"\nmemory_mib = 7\n\0/a/b/c";
        try_bytes(seed.as_bytes());
        let mut state = 7u32;
        for _ in 0..20_000 {
            let mut bytes = seed.as_bytes().to_vec();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = state as usize % bytes.len();
                bytes[at] = (state >> 24) as u8;
            }
            try_bytes(&bytes);
        }
    }
}
