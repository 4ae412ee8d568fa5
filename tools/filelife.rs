//! filelife: files that live but a short time.

use anyhow::Result;
use cbpf_bpf::events::filelife_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Mark, Row, until_nul};

use crate::shared::path::Path;
use crate::cli::run::{Context, mark};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// Print the full path, as seen from the task's root directory
    #[arg(short = 'F', long)]
    full_path: bool,
}

impl tool::Tool for Tool {
    const NAME: &'static str = "filelife";
    const ABOUT: &'static str = "Trace files that are deleted soon after they were created";
    const NOTES: &'static str = "The file was created while the trace ran, by one of your tasks, and PID deleted its \
        last name. Of all files created, the last 8192 or so are remembered.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf filelife", "files that your processes create and delete, and their age"),
        ("cbpf filelife -F -- make", "the temporary files of `make` and its children, with full paths"),
    ];

    fn plan(&self, _: &Shared, plan: &mut Plan) -> Result<()> {
        plan.knob("full_path", self.full_path);
        Ok(())
    }
}

/// The last component of the name, or all of it behind the directory that it starts from.
fn file<'a>(e: &filelife_event, tail: &'a [u8]) -> (Path<'a>, Mark) {
    let passed = mark(e.head.flags);
    let Some((name, walked)) = tail.split_at_checked(e.name_len.into()) else {
        return (Path::passed(b""), Mark::Fault);
    };
    let name = name.strip_suffix(b"\0").unwrap_or(name);
    if passed == Mark::Fault {
        return (Path::passed(b""), passed);
    }
    match walked.get(..e.dir_len.into()).and_then(Path::walked) {
        None => (Path::passed(name.rsplit(|b| *b == b'/').next().unwrap_or(name)), passed),
        Some(_) if name.starts_with(b"/") => (Path::passed(name), passed),
        Some((dir, cut)) => (dir.join(name), if passed == Mark::Whole { cut } else { passed }),
    }
}

impl Stream for Tool {
    type Event = filelife_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8),
            Column::left("PID", "pid", 6),
            Column::left("COMM", "comm", 16),
            Column::left("AGE(s)", "age_s", 7),
            Column::last("FILE", "file"),
        ]
    }

    fn row(&self, _: &Context, e: &filelife_event, tail: &[u8], row: &mut Row<'_>) {
        let (file, mark) = file(e, tail);
        row.u64(e.head.pid).text(until_nul(&e.head.comm)).float(e.age as f64 / 1e9, 2).pieces(file.pieces(), mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::path;
    use cbpf_bpf::events::cbpf_flag;

    fn shown(name: &[u8], walked: &[u8], flags: u32) -> (String, Mark) {
        let mut e = filelife_event { name_len: name.len() as u16, dir_len: walked.len() as u16, ..Default::default() };
        e.head.flags = flags;
        let tail = [name, walked].concat();
        let (file, mark) = file(&e, &tail);
        (path::text(file), mark)
    }

    #[test]
    fn a_file_has_its_last_name_or_its_full_path() {
        assert_eq!(shown(b"/tmp/a b\0", b"", 0), ("a b".into(), Mark::Whole));
        assert_eq!(shown(b"x\0", b"u\0home\0r", 0), ("/home/u/x".into(), Mark::Whole));
        assert_eq!(shown(b"/tmp/x\0", b"u\0home\0r", 0), ("/tmp/x".into(), Mark::Whole));
        assert_eq!(shown(b"x\0", b"u\0l", 0), ("u/x".into(), Mark::Cut));
        assert_eq!(shown(b"", b"r", cbpf_flag::CBPF_FAULT.0), (String::new(), Mark::Fault));
    }
}
