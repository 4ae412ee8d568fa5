//! Every tool, one line each, and the other names under which some are known.

use crate::cli::tool::Entry;

/// Hands the list to the macro `then`: `main.rs` makes modules of it, and below it becomes the table.
macro_rules! tools {
    ($then:ident) => {
        $then! {
            bashreadline: stream,
            bindsnoop: stream,
            biolatency: report,
            biopattern: report,
            biosnoop: stream,
            biostacks: report,
            bitesize: report,
            cachestat: report,
            cpudist: report,
            cpufreq: report,
            drsnoop: stream,
            execsnoop: stream,
            exitsnoop: stream,
            filelife: stream,
            filetop: report,
            fsdist: report,
            fsslower: stream,
            funclatency: report,
            gethostlatency: stream,
            hardirqs: report,
            klockstat: report,
            ksnoop: stream,
            llcstat: report,
            mountsnoop: stream,
            numamove: report,
            offcputime: report,
            oomkill: stream,
            opensnoop: stream,
            readahead: report,
            runqlat: report,
            runqlen: report,
            runqslower: stream,
            softirqs: report,
            solisten: stream,
            statsnoop: stream,
            syscount: report,
            tcpconnect: either,
            tcpconnlat: stream,
            tcprtt: report,
            tcpsynbl: report,
            vfsstat: report,
        }
    };
}

macro_rules! table {
    ($($tool:ident: $how:ident,)*) => {
        /// All tools, sorted by name.
        pub static TOOLS: &[Entry] = &[$(Entry::$how::<crate::$tool::Tool>()),*];
    };
}
tools!(table);

/// `(alias, tool)`.
pub static ALIASES: &[(&str, &str)] = &[
    ("bcachefsdist", "fsdist"),
    ("bcachefsslower", "fsslower"),
    ("btrfsdist", "fsdist"),
    ("btrfsslower", "fsslower"),
    ("ext4dist", "fsdist"),
    ("ext4slower", "fsslower"),
    ("f2fsdist", "fsdist"),
    ("f2fsslower", "fsslower"),
    ("fusedist", "fsdist"),
    ("fuseslower", "fsslower"),
    ("nfsdist", "fsdist"),
    ("nfsslower", "fsslower"),
    ("overlaydist", "fsdist"),
    ("overlayslower", "fsslower"),
    ("tmpfsdist", "fsdist"),
    ("tmpfsslower", "fsslower"),
    ("xfsdist", "fsdist"),
    ("xfsslower", "fsslower"),
    ("zfsdist", "fsdist"),
    ("zfsslower", "fsslower"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_a_tool_and_every_tool_has_one() {
        let tools: Vec<&str> = TOOLS.iter().map(|t| t.name).collect();
        let objects: Vec<&str> = cbpf_bpf::OBJECTS.iter().map(|o| o.name).filter(|n| *n != "viewer").collect();
        assert_eq!(tools, objects);
    }

    /// What libbpf-tools was in the spring of 2022 (its Makefile at the commit that added tcpsynbl), and the names by which
    /// it knows some of them as well.
    #[test]
    fn the_survey_is_whole() {
        let survey = "bashreadline bindsnoop biolatency biopattern biosnoop biostacks bitesize cachestat cpudist cpufreq drsnoop \
            execsnoop exitsnoop filelife filetop fsdist fsslower funclatency gethostlatency hardirqs klockstat ksnoop llcstat \
            mountsnoop numamove offcputime oomkill opensnoop readahead runqlat runqlen runqslower softirqs solisten statsnoop \
            syscount tcpconnect tcpconnlat tcprtt tcpsynbl vfsstat";
        let survey: Vec<&str> = survey.split_ascii_whitespace().collect();
        assert_eq!(survey.len(), 41);
        let tools: Vec<&str> = TOOLS.iter().map(|t| t.name).collect();
        let missing: Vec<&&str> = survey.iter().filter(|name| !tools.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
        for fs in ["bcachefs", "btrfs", "ext4", "f2fs", "fuse", "nfs", "xfs", "zfs"] {
            for tool in ["dist", "slower"] {
                let alias = (format!("{fs}{tool}"), format!("fs{tool}"));
                assert!(ALIASES.iter().any(|(name, of)| (*name, *of) == (&*alias.0, &*alias.1)), "{alias:?}");
            }
        }
    }

    #[test]
    fn every_command_line_is_sound() {
        for tool in TOOLS {
            (tool.command)().debug_assert();
        }
    }
}
