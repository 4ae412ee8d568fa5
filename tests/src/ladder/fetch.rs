//! Kernels of Debian, with apt.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

use super::{Kernel, Rung};
use crate::process::output;

/// Unpacks the newest cloud kernel of `rung` into `cache_dir`, from the network only if it is not
/// there yet.
pub fn fetch(rung: Rung, cache_dir: &Path) -> Result<Kernel> {
    let dest = cache_dir.join(rung.name);
    if !dest.exists() {
        let work = cache_dir.join(format!(".{}", rung.name));
        fs::create_dir_all(cache_dir).with_context(|| format!("cannot create {cache_dir:?}"))?;
        // One downloads, others that come meanwhile wait; it lasts until the file is closed.
        let lock = File::create(cache_dir.join(format!(".{}.lock", rung.name)))?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e)?;
        if !dest.exists() {
            let _ = fs::remove_dir_all(&work); // Left by one that was interrupted.
            fs::create_dir_all(&work)?;
            // apt runs in another folder.
            download(rung, &work.canonicalize()?)
                .and_then(|root| Ok(fs::rename(root, &dest)?))
                .with_context(|| format!("cannot fetch the {} kernel", rung.name))?;
        }
        let _ = fs::remove_dir_all(&work);
    }
    Kernel::open(&dest)
}

/// Downloads and unpacks the packages below `work`; returns the unpacked root.
fn download(rung: Rung, work: &Path) -> Result<PathBuf> {
    let conf = apt_config(rung, work)?;
    let apt = |tool: &str| {
        let mut command = Command::new(tool);
        command.arg("-c").arg(&conf).current_dir(work);
        command
    };

    // Sources that do not have the suite make it fail, and do not matter as long as one does.
    let update = apt("apt-get").arg("update").output().context("cannot run apt-get")?;
    let newest = (|| {
        let prefix = format!("linux-image-{}.", rung.name.trim_end_matches(".x"));
        let names = output(apt("apt-cache").args(["pkgnames", &prefix]))?;
        let names: Vec<&str> = names.lines().filter(|n| n.ends_with("-cloud-amd64")).collect();
        ensure!(!names.is_empty(), "{} has no package {prefix}*-cloud-amd64", rung.suite);
        newest_version(&output(apt("apt-cache").arg("madison").args(names))?)
    })();
    let (name, version) =
        newest.with_context(|| format!("apt-get update said: {}", String::from_utf8_lossy(&update.stderr).trim()))?;

    // In newer suites linux-image-RELEASE is empty and needs linux-binary-RELEASE and others.
    let wanted = format!("{name}={version}");
    let release = name.trim_start_matches("linux-image-");
    let about = output(apt("apt-cache").args(["show", &wanted]))?;
    let mut packages = vec![wanted.clone()];
    for dependency in about.lines().find_map(|l| l.strip_prefix("Depends: ")).unwrap_or("").split(", ") {
        let dependency = dependency.split(' ').next().unwrap_or("");
        if dependency.starts_with("linux-") && dependency.ends_with(release) {
            packages.push(format!("{dependency}={version}"));
        }
    }
    output(apt("apt-get").arg("download").args(packages))?;

    let root = work.join("root");
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "deb") {
            output(Command::new("dpkg-deb").arg("-x").arg(&path).arg(&root))?;
        }
    }
    // Newer packages say usr/lib, and depmod wants lib.
    if !root.join("lib/modules").exists() {
        std::os::unix::fs::symlink("usr/lib", root.join("lib"))?;
    }
    let kernel = Kernel::open(&root)?;
    output(Command::new("depmod").env("PATH", PATH).arg("-b").arg(&root).arg(&kernel.release))?;
    Ok(root)
}

/// depmod is in sbin, which not every user's PATH has.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Writes an apt configuration with state, cache and sources of its own below `work`, so that the
/// machine's package lists stay as they are. The machine's other settings, such as a proxy, hold.
fn apt_config(rung: Rung, work: &Path) -> Result<PathBuf> {
    let uris = debian_uris(&read_sources()?, &os_codename()?);
    ensure!(!uris.is_empty(), "the machine's apt sources have no Debian archive");
    // This one holds the keys of all suites; Signed-By of the machine's source may hold one's only.
    let keys = ["gpg", "pgp"].map(|e| format!("/usr/share/keyrings/debian-archive-keyring.{e}"));
    let keys = keys.iter().find(|k| Path::new(k).exists()).context("no debian-archive-keyring")?;
    let mut sources = String::new();
    for (uri, security) in uris {
        let suite = rung.suite;
        match (security, suite) {
            (true, "sid") => {} // It has no security suite.
            (true, _) => writeln!(sources, "deb [signed-by={keys}] {uri} {suite}-security main")?,
            (false, _) => writeln!(sources, "deb [signed-by={keys}] {uri} {suite} main")?,
        }
    }

    fs::create_dir_all(work.join("state/lists/partial"))?;
    fs::create_dir_all(work.join("cache/archives/partial"))?;
    fs::write(work.join("sources.list"), sources)?;
    let conf = work.join("apt.conf");
    let dir = work.display();
    let text = format!(
        r#"Dir::State "{dir}/state";
Dir::Cache "{dir}/cache";
Dir::Etc::sourcelist "{dir}/sources.list";
Dir::Etc::sourceparts "-";
// The machine's sources may be a dated copy of the archive.
Acquire::Check-Valid-Until "false";
// Only the list of packages, and nothing done on the machine after it.
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
// The usual user of downloads may have no right to read this folder.
APT::Sandbox::User "root";
"#
    );
    fs::write(&conf, text)?;
    Ok(conf)
}

/// The text of all of the machine's apt sources.
fn read_sources() -> Result<String> {
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        for entry in entries {
            paths.push(entry?.path());
        }
    }
    let mut text = String::new();
    for path in paths {
        if path.extension().is_some_and(|e| e == "list" || e == "sources") && path.exists() {
            text += &fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
            text.push_str("\n\n");
        }
    }
    Ok(text)
}

/// The machine's Debian release, which is also the name of its suite.
fn os_codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = text.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME="));
    Ok(name.context("/etc/os-release names no release")?.trim_matches('"').to_owned())
}

/// The archives in `sources`, of either format, that have the suite `codename` (false) or its
/// security suite (true). Others' repositories name their suites otherwise.
fn debian_uris(sources: &str, codename: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut add = |uris: &[&str], suites: &[&str]| {
        for suite in suites {
            let security = match suite.strip_prefix(codename) {
                Some("") => false,
                Some("-security" | "/updates") => true,
                _ => continue,
            };
            for uri in uris {
                let entry = ((*uri).to_owned(), security);
                if !found.contains(&entry) {
                    found.push(entry);
                }
            }
        }
    };
    for stanza in sources.split("\n\n") {
        let (mut uris, mut suites) = (Vec::new(), Vec::new());
        for line in stanza.lines() {
            let (key, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            match key {
                "deb" => {
                    // deb [options] URI SUITE COMPONENT...
                    let rest = rest.trim_start();
                    let rest = match rest.strip_prefix('[') {
                        Some(options) => options.split_once(']').map_or("", |(_, r)| r),
                        None => rest,
                    };
                    let mut words = rest.split_whitespace();
                    if let (Some(uri), Some(suite)) = (words.next(), words.next()) {
                        add(&[uri], &[suite]);
                    }
                }
                "URIs:" => uris = rest.split_whitespace().collect(),
                "Suites:" => suites = rest.split_whitespace().collect(),
                _ => {}
            }
        }
        add(&uris, &suites);
    }
    found
}

/// The package with the highest version in the output of `apt-cache madison`.
fn newest_version(madison: &str) -> Result<(String, String)> {
    let mut best: Option<(&str, &str)> = None;
    for line in madison.lines() {
        let mut columns = line.split('|').map(str::trim);
        let (Some(name), Some(version)) = (columns.next(), columns.next()) else {
            continue;
        };
        let newer = match best {
            None => true,
            Some((_, old)) => Command::new("dpkg")
                .args(["--compare-versions", version, "gt", old])
                .status()
                .context("cannot run dpkg")?
                .success(),
        };
        if newer {
            best = Some((name, version));
        }
    }
    let (name, version) = best.context("no version of the kernel can be downloaded")?;
    Ok((name.to_owned(), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_both_formats() {
        let text = "# deb file:/off b main\n\
            deb [arch=amd64 signed-by=/k] file:/one b main\n\
            deb-src file:/one b main\n\
            deb file:/other stable main\n\
            \n\
            Types: deb\nURIs: file:/two\nSuites: b b-updates\nComponents: main\n\
            \n\
            URIs: file:/security\n# a comment\nSuites: b-security\n";
        let entry = |uri: &str, security| (uri.to_owned(), security);
        let expected = [entry("file:/one", false), entry("file:/two", false), entry("file:/security", true)];
        assert_eq!(debian_uris(text, "b"), expected);
    }
}
