//! What the tools that watch file systems share: which kind of file system, by option or by the name that the tool is
//! called by (`ext4slower`).

use cbpf_common::engine::Plan;

/// The kinds of file systems that have a name of their own for each of the tools.
pub const ALIASED: [&str; 10] = ["bcachefs", "btrfs", "ext4", "f2fs", "fuse", "nfs", "overlay", "tmpfs", "xfs", "zfs"];

/// `-t`.
#[derive(clap::Args)]
pub struct Kind {
    /// Only this kind of file system, as mount names it: ext4, xfs, overlay, tmpfs, … [default: all]
    #[arg(short = 't', long = "type", value_name = "TYPE", value_parser = kind)]
    kind: Option<String>,
}

fn kind(text: &str) -> Result<String, String> {
    let name = if text == "overlayfs" { "overlay" } else { text };
    let right = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..16).contains(&name.len()) && name.chars().all(right) {
        Ok(name.into())
    } else {
        Err("not the name of a file system; /proc/filesystems lists them".into())
    }
}

impl Kind {
    /// The tool was called `name`, and its own name ends in `suffix`: what is before that is a kind, unless it is `fs`.
    pub fn called(&mut self, name: &str, suffix: &str) {
        let kind = name.strip_suffix(suffix).filter(|kind| ALIASED.contains(kind));
        if let Some(kind) = kind {
            self.kind.get_or_insert_with(|| kind.into());
        }
    }

    /// Sets the knobs of `bpf/include/fsop.bpf.h`.
    pub fn plan(&self, plan: &mut Plan) {
        let kind = self.kind.as_deref().unwrap_or_default();
        // Two names of what is one to its user.
        let or = match kind {
            "nfs" => "nfs4",
            "fuse" => "fuseblk",
            _ => "",
        };
        plan.knob("only_fs", kind).knob("or_fs", or);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_option_or_part_of_the_name() {
        let called = |name: &str, kind: Option<&str>| {
            let mut it = Kind { kind: kind.map(str::to_owned) };
            it.called(name, "slower");
            it.kind
        };
        assert_eq!(called("xfsslower", None).as_deref(), Some("xfs"));
        assert_eq!(called("xfsslower", Some("ext4")).as_deref(), Some("ext4"));
        assert_eq!(called("fsslower", None), None);
        assert_eq!(kind("overlayfs").as_deref(), Ok("overlay"));
        assert!(kind("").is_err() && kind("a b").is_err() && kind("0123456789abcdef").is_err());
    }
}
