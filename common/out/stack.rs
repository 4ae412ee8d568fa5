//! Stacks: as blocks for people, folded for flame graphs.

use std::io::Write;

use super::hist::{Label, labels};
use super::{escape, member, number, row};

/// How stacks look in the text output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackStyle {
    /// A frame a line, innermost first, then whose stack it is and the value.
    #[default]
    Block,
    /// One line a stack, outermost frame first: `comm;frame;frame VALUE`.
    Folded,
}

/// A stack to be printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stack<'a> {
    /// Names of the kernel frames, innermost first. `None`: there were some, but the kernel did not keep them.
    pub kernel: Option<&'a [&'a str]>,
    /// Names of the user frames, likewise.
    pub user: Option<&'a [&'a str]>,
    /// The task's name. `None`: the viewer does not own the task.
    pub comm: Option<&'a [u8]>,
    /// The task's process id.
    pub pid: Option<u32>,
    /// What was measured: a time, a number of samples.
    pub value: u64,
    /// Its unit in JSON: `us`, `samples`.
    pub unit: &'a str,
    /// Whether text sets kernel and user frames apart, where both are there.
    pub delimited: bool,
    /// A line before the frames in block style; it is escaped here. Empty: none.
    pub head: &'a [u8],
    /// A line behind the frames in block style, escaped too. Empty: `-`, comm and pid.
    pub tail: &'a [u8],
    /// What JSON says besides.
    pub labels: &'a [(&'static str, Label<'a>)],
}

const MISSED: [&str; 2] = ["[Missed Kernel Stack]", "[Missed User Stack]"];

impl Stack<'_> {
    /// Kernel frames and user frames, with a word for those that were lost.
    fn frames(&self) -> (&[&str], &[&str]) {
        (self.kernel.unwrap_or(&MISSED[..1]), self.user.unwrap_or(&MISSED[1..]))
    }

    /// The block that ends in an empty line.
    pub(super) fn block(&self, buf: &mut Vec<u8>) {
        let (kernel, user) = self.frames();
        if !self.head.is_empty() {
            line(buf, self.head);
        }
        kernel.iter().for_each(|frame| line(buf, frame.as_bytes()));
        if self.delimited && !kernel.is_empty() && !user.is_empty() {
            line(buf, b"--");
        }
        user.iter().for_each(|frame| line(buf, frame.as_bytes()));
        if self.tail.is_empty() {
            buf.extend_from_slice(b"    -                ");
            escape::text(buf, self.comm.unwrap_or(b"-"));
            buf.extend_from_slice(b" (");
            match self.pid {
                Some(pid) => number(buf, pid),
                None => buf.push(b'-'),
            }
            buf.extend_from_slice(b")\n");
        } else {
            line(buf, self.tail);
        }
        // Writing to a vector cannot fail.
        let _ = write!(buf, "        {}\n\n", self.value);

        fn line(buf: &mut Vec<u8>, text: &[u8]) {
            buf.extend_from_slice(b"    ");
            escape::text(buf, text);
            buf.push(b'\n');
        }
    }

    /// The line that flame graph programs read. They split at `;` and take what follows the last blank for the value, so
    /// that a `;` in a name becomes a `:`, and blanks may stay.
    pub(super) fn folded(&self, buf: &mut Vec<u8>) {
        let (kernel, user) = self.frames();
        let start = buf.len();
        escape::text(buf, self.comm.unwrap_or(b"-"));
        no_semicolon(&mut buf[start..]);
        let frame = |buf: &mut Vec<u8>, name: &str| {
            buf.push(b';');
            let start = buf.len();
            escape::text(buf, name.as_bytes());
            no_semicolon(&mut buf[start..]);
        };
        user.iter().rev().for_each(|name| frame(buf, name));
        if self.delimited && !kernel.is_empty() && !user.is_empty() {
            buf.extend_from_slice(b";-");
        }
        kernel.iter().rev().for_each(|name| frame(buf, name));
        buf.push(b' ');
        number(buf, self.value);
        buf.push(b'\n');

        fn no_semicolon(name: &mut [u8]) {
            name.iter_mut().filter(|b| **b == b';').for_each(|b| *b = b':');
        }
    }

    /// The members of the JSON object behind those that all records have.
    pub(super) fn json(&self, buf: &mut Vec<u8>) {
        let list = |frames: Option<&[&str]>, buf: &mut Vec<u8>| match frames {
            Some(frames) => row::array(buf, frames, |buf, frame| {
                escape::json(buf, [frame.as_bytes()]);
            }),
            None => buf.extend_from_slice(b"null"),
        };
        member(buf, "kernel", "");
        list(self.kernel, buf);
        member(buf, "user", "");
        list(self.user, buf);
        labels(
            buf,
            &[
                ("comm", self.comm.map_or(Label::None, Label::Text)),
                ("pid", self.pid.map_or(Label::None, |pid| Label::U64(pid.into()))),
                ("value", Label::U64(self.value)),
                ("unit", Label::Text(self.unit.as_bytes())),
            ],
        );
        labels(buf, self.labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Stack<'_> = Stack {
        kernel: Some(&["schedule", "futex_wait"]),
        user: Some(&["pthread_cond_wait", "main"]),
        comm: Some(b"server"),
        pid: Some(42),
        value: 1234,
        unit: "us",
        delimited: false,
        head: b"",
        tail: b"",
        labels: &[],
    };

    fn form(f: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut buf = Vec::new();
        f(&mut buf);
        String::from_utf8(buf).unwrap()
    }

    fn json(stack: &Stack<'_>) -> serde_json::Value {
        serde_json::from_str(&(form(|buf| stack.json(buf)).replacen(',', "{", 1) + "}")).unwrap()
    }

    #[test]
    fn a_block_looks_as_offcputime_prints_it() {
        let expected = "    schedule\n    futex_wait\n    pthread_cond_wait\n    main\n    -                server (42)\n        1234\n\n";
        assert_eq!(form(|buf| SAMPLE.block(buf)), expected);
        let apart = form(|buf| {
            Stack { delimited: true, ..SAMPLE }.block(buf);
        });
        assert_eq!(apart, expected.replace("    pthread", "    --\n    pthread"));
    }

    #[test]
    fn a_folded_stack_begins_with_the_task_and_its_outermost_frame() {
        assert_eq!(form(|buf| SAMPLE.folded(buf)), "server;main;pthread_cond_wait;futex_wait;schedule 1234\n");
        assert_eq!(
            form(|buf| Stack { delimited: true, ..SAMPLE }.folded(buf)),
            "server;main;pthread_cond_wait;-;futex_wait;schedule 1234\n"
        );
        assert_eq!(
            form(|buf| Stack { delimited: true, user: Some(&[]), ..SAMPLE }.folded(buf)),
            "server;futex_wait;schedule 1234\n"
        );
    }

    #[test]
    fn a_name_cannot_make_frames_or_lines() {
        let stack = Stack {
            comm: Some(b"a;b\nc"),
            user: Some(&["operator new[](unsigned long)", "x;y 9\nz\x1b[m"]),
            kernel: Some(&[]),
            ..SAMPLE
        };
        assert_eq!(form(|buf| stack.folded(buf)), "a:b\\nc;x:y 9\\nz\\e[m;operator new[](unsigned long) 1234\n");
        let block = form(|buf| stack.block(buf));
        assert_eq!(block.lines().count(), 5, "{block}");
        assert!(block.contains("    x;y 9\\nz\\e[m\n"), "{block}");
        assert_eq!(json(&stack)["user"][1], "x;y 9\nz\x1b[m");
    }

    #[test]
    fn lost_frames_and_tasks_of_others_are_said_to_be_so() {
        let stack = Stack { kernel: None, user: Some(&[]), comm: None, pid: None, ..SAMPLE };
        assert_eq!(
            form(|buf| stack.block(buf)),
            "    [Missed Kernel Stack]\n    -                - (-)\n        1234\n\n"
        );
        assert_eq!(form(|buf| stack.folded(buf)), "-;[Missed Kernel Stack] 1234\n");
        assert_eq!(
            json(&stack),
            serde_json::json!({"kernel": null, "user": [], "comm": null, "pid": null, "value": 1234, "unit": "us"})
        );
    }

    #[test]
    fn a_tool_may_name_the_two_ends_of_a_stack_itself() {
        let stack = Stack {
            head: b"target:          sh",
            tail: b"          waker: a\nb",
            user: Some(&[]),
            labels: &[("waker", Label::Text(b"a\nb"))],
            ..SAMPLE
        };
        assert_eq!(
            form(|buf| stack.block(buf)),
            "    target:          sh\n    schedule\n    futex_wait\n              waker: a\\nb\n        1234\n\n"
        );
        assert_eq!(json(&stack)["waker"], "a\nb");
    }
}
