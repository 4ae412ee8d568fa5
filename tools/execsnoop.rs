//! execsnoop: programs started.

use anyhow::Result;
use cbpf_bpf::events::{cbpf_flag, execsnoop_event};
use cbpf_common::engine::Plan;
use cbpf_common::options::{self, Shared};
use cbpf_common::out::{Column, Mark, Row, until_nul};

use crate::cli::run::Context;
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the time
    #[arg(short = 'T', long)]
    time: bool,
    /// Print the seconds since the start
    #[arg(short, long)]
    timestamp: bool,
    /// Include execs that failed
    #[arg(short = 'x', long)]
    fails: bool,
    /// Put each argument in double quotes
    #[arg(short, long)]
    quote: bool,
    /// Only programs whose name contains this
    #[arg(short, long, value_name = "NAME", value_parser = options::comm)]
    name: Option<String>,
    /// Only command lines that contain this: the file and the arguments, separated by blanks
    #[arg(short, long, value_name = "LINE", allow_hyphen_values = true)]
    line: Option<String>,
    /// Print the uid
    #[arg(short = 'U', long)]
    print_uid: bool,
    /// Print at most this many arguments, the file itself being one of them
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=512))]
    max_args: u32,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "execsnoop";
    const ABOUT: &'static str = "Trace new programs (exec)";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf execsnoop", "every program that your processes start"),
        ("cbpf execsnoop -x -- ./configure", "what it starts, and where it does not find programs"),
        ("cbpf execsnoop -q -l ' -O2 '", "command lines with that option, each argument quoted"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("failures", self.fails)
            .knob("max_args", self.max_args)
            .knob("comm_part", self.name.as_deref().unwrap_or_default());
        Ok(())
    }
}

/// The file, and the arguments, argv[0] being the first.
fn parts<'a>(e: &execsnoop_event, tail: &'a [u8]) -> (&'a [u8], impl Iterator<Item = &'a [u8]> + Clone) {
    let (file, args) = tail.split_at_checked(e.file_len as usize).unwrap_or_default();
    let args = args.get(..e.args_len as usize).unwrap_or_default();
    let args = (e.args_len != 0).then(|| args.strip_suffix(b"\0").unwrap_or(args).split(|b| *b == 0));
    (until_nul(file), args.into_iter().flatten())
}

/// Whether the file and the arguments that follow argv[0], with blanks between them, contain `line`.
fn contains<'a>(file: &'a [u8], args: impl Iterator<Item = &'a [u8]> + Clone, line: &[u8]) -> bool {
    let blank: &[u8] = b" ";
    let mut rest = file.iter().chain(args.skip(1).flat_map(|arg| blank.iter().chain(arg)));
    loop {
        if rest.clone().take(line.len()).eq(line) {
            return true;
        }
        if rest.next().is_none() {
            return false;
        }
    }
}

impl Stream for Tool {
    type Event = execsnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8).when(self.time),
            Column::since("TIME(s)", 8, 3).when(self.timestamp),
            Column::right("UID", "uid", 6).when(self.print_uid),
            Column::left("PCOMM", "comm", 16),
            Column::right("PID", "pid", 7),
            Column::right("PPID", "ppid", 7),
            Column::right("RET", "ret", 3),
            // What a program finds as its own name; in the list the file stands in its place, as in bcc.
            Column::left("ARGV0", "argv0", 16).when(false),
            Column::last("ARGS", "args"),
        ]
    }

    fn keep(&self, e: &execsnoop_event, tail: &[u8]) -> bool {
        let (file, args) = parts(e, tail);
        self.line.as_deref().is_none_or(|line| contains(file, args, line.as_bytes()))
    }

    fn row(&self, context: &Context, e: &execsnoop_event, tail: &[u8], row: &mut Row<'_>) {
        let (file, args) = parts(e, tail);
        let flag = |flag: cbpf_flag| e.head.flags & flag.0 != 0;
        let max = self.max_args as usize;
        let mark = if flag(cbpf_flag::CBPF_FAULT) {
            Mark::Fault
        } else if flag(cbpf_flag::CBPF_CUT) || args.clone().count() > max {
            Mark::Cut
        } else {
            Mark::Whole
        };
        row.opt_u64(context.uid(e.head.uid))
            .text(until_nul(&e.head.comm))
            .u64(e.head.pid)
            .opt_u64((e.ppid != 0).then_some(e.ppid))
            .i64(e.ret);
        match args.clone().next() {
            Some(name) => row.text(name),
            None => row.none(),
        };
        row.list([file].into_iter().chain(args.skip(1)).take(max), self.quote, mark);
    }
}

#[cfg(test)]
mod tests {
    use cbpf_bpf::events::cbpf_head;
    use cbpf_common::out::{Format, Out};
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    fn tool(args: &[&str]) -> Tool {
        let command = Tool::augment_args(Command::new("execsnoop").no_binary_name(true));
        Tool::from_arg_matches(&command.get_matches_from(args)).unwrap()
    }

    fn event(flags: u32, file: &[u8], args: &[u8]) -> (execsnoop_event, Vec<u8>) {
        let head = cbpf_head { pid: 7, uid: 1000, flags, ..Default::default() };
        let (file_len, args_len) = (file.len() as u32, args.len() as u32);
        (execsnoop_event { head, ret: 0, ppid: 0, file_len, args_len }, [file, args].concat())
    }

    fn show(args: &[&str], format: Format, e: &(execsnoop_event, Vec<u8>)) -> String {
        let (tool, mut out) = (tool(args), Out::memory(format));
        let columns = tool.columns();
        out.row("event", Some(0), &columns, |row| tool.row(&Context::test(), &e.0, &e.1, row)).unwrap();
        out.take()
    }

    #[test]
    fn the_file_stands_for_argv0_and_somebody_elses_pid_for_nothing() {
        let e = event(0, b"/bin/true\0", b"name\0a b\0\0");
        assert!(show(&[], Format::Text, &e).ends_with("       7       -   0 /bin/true a b \n"));
        assert!(show(&["-q"], Format::Text, &e).ends_with("/bin/true\" \"a b\" \"\"\n"));
        let json = show(&[], Format::Json, &e);
        assert!(json.contains(r#""ppid":null,"ret":0,"argv0":"name","args":["/bin/true","a b",""]"#), "{json}");
    }

    #[test]
    fn what_is_missing_is_marked() {
        let e = event(0, b"f\0", b"f\0b\0c\0");
        assert!(show(&["--max-args", "2"], Format::Text, &e).ends_with("f b \\...\n"));
        assert!(show(&["--max-args", "3"], Format::Text, &e).ends_with("f b c\n"));
        let cut = event(cbpf_flag::CBPF_CUT.0, b"f\0", b"");
        assert!(show(&[], Format::Text, &cut).ends_with("f \\...\n"));
        let fault = event(cbpf_flag::CBPF_FAULT.0, b"", b"f\0");
        assert!(show(&[], Format::Json, &fault).contains(r#""args":null,"args_fault":true"#));
    }

    #[test]
    fn a_line_is_looked_for_in_file_and_arguments() {
        let (e, tail) = event(0, b"/bin/cc\0", b"x\0-O2\0a.c\0");
        for (line, found) in [("-O2 a", true), ("/bin/cc -O2", true), ("", true), ("x", false), ("-O3", false)] {
            assert_eq!(tool(&["-l", line]).keep(&e, &tail), found, "{line}");
        }
    }
}
