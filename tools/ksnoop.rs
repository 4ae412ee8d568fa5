//! ksnoop: arguments and results of functions of the kernel.

use std::cell::OnceCell;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::events::ksnoop_event;
use cbpf_common::engine::Plan;
use cbpf_common::options::Shared;
use cbpf_common::out::{Column, Row, until_nul};
use cbpf_common::owner::Scope;

use crate::shared::prototype::{Function, Kernel, Shown, Value};
use crate::cli::run::{Context, Usage};
use crate::cli::tool::{self, Stream};

#[derive(clap::Args)]
pub struct Tool {
    /// `trace` (may be left out) or `info`, and functions: `NAME` or `NAME(ARG, ...)`, where ARG is an argument, `return`, or in
    /// scope host `ARG->MEMBER`, optionally with a comparison: `"vfs_read(count > 4096, return)"`
    #[arg(required = true, num_args = 1.., value_name = "FUNCTION")]
    words: Vec<String>,
    /// Only calls of each function made within a call of the one before it, and only if the last one was called
    #[arg(short, long)]
    stack: bool,
    /// Pages of the perf buffer; ignored, since there is none
    #[arg(short = 'P', long, value_name = "PAGES", hide = true)]
    pages: Option<u32>,
    /// As --verbose
    #[arg(long, hide = true)]
    debug: bool,
    #[arg(skip)]
    functions: OnceCell<Vec<Function>>,
}

/// As in bpf/ksnoop.h.
const FUNCTIONS: usize = 4;
const VALUES: usize = 8;
const STEPS: usize = 4;
const NOTHING: u32 = 7;

impl Tool {
    fn info(&self) -> Option<&[String]> {
        match self.words.split_first() {
            Some((word, functions)) if word == "info" => Some(functions),
            _ => None,
        }
    }

    fn prototypes(&self, names: &[String]) -> Result<String> {
        ensure!(!names.is_empty(), "info: name a function");
        let kernel = Kernel::read()?;
        let mut text = String::new();
        for name in names {
            writeln!(text, "{};", kernel.prototype(name.split('(').next().unwrap_or_default())?)?;
        }
        Ok(text)
    }

    fn parse(&self, host: bool) -> Result<Vec<Function>> {
        let words = match self.words.split_first() {
            Some((word, rest)) if word == "trace" => rest,
            _ => &self.words,
        };
        ensure!((1..=FUNCTIONS).contains(&words.len()), "name one function, or up to {FUNCTIONS}");
        let kernel = Kernel::read()?;
        words.iter().map(|word| kernel.function(word, host).with_context(|| word.clone())).collect()
    }
}

fn wants(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in 0..VALUES {
        let value = values.get(n);
        let (root, steps) = value.map_or((NOTHING, &[][..]), |v| (v.root, &v.offsets));
        let offsets = (0..STEPS).map(|n| steps.get(n).copied().unwrap_or(0));
        for number in [root, steps.len() as u32].into_iter().chain(offsets) {
            bytes.extend_from_slice(&number.to_ne_bytes());
        }
    }
    bytes
}

impl tool::Tool for Tool {
    const NAME: &'static str = "ksnoop";
    const ABOUT: &'static str = "Trace calls of kernel functions, with their arguments and results";
    const NOTES: &'static str = "A call is shown when it returns, with its arguments as they were at its beginning; a \
        call that does not return is not shown. Numbers are shown as they are, pointers only as null or not; scope \
        host also shows pointers, and members of what they point to, if they are numbers or pointers themselves. \
        `info` prints how functions are declared. Calls by interrupts belong to nobody; where a kernel does not say \
        who calls (Debian's 5.10), neither do those by page faults.";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("cbpf ksnoop vfs_read", "arguments and results of your tasks' reads"),
        ("cbpf ksnoop 'vfs_read(count >= 65536, return)'", "of large ones"),
        ("cbpf ksnoop -s ksys_write vfs_write", "calls of the second within a call of the first"),
        ("cbpf ksnoop --scope host 'vfs_read(file->f_flags, return)'", "a member, for root of the host"),
        ("cbpf ksnoop info vfs_read", "how it is declared"),
    ];
    const WORDS: &'static [&'static [&'static str]] = &[&["vfs_read"]];

    fn answer(&self) -> Option<String> {
        self.prototypes(self.info()?).ok()
    }

    fn plan(&self, shared: &Shared, plan: &mut Plan) -> Result<()> {
        if let Some(names) = self.info() {
            // Printed already, unless it failed.
            self.prototypes(names).map_err(|e| Usage(format!("{e:#}")))?;
        }
        let functions = self.parse(shared.scope == Some(Scope::Host)).map_err(|e| Usage(format!("{e:#}")))?;
        plan.knob("in_order", self.stack).knob("functions", functions.len() as u32);
        plan.knob("use1", functions.len() > 1).knob("use2", functions.len() > 2).knob("use3", functions.len() > 3);
        let knobs = [("wants0", "arguments0"), ("wants1", "arguments1"), ("wants2", "arguments2"), ("wants3", "arguments3")];
        for (function, (wanted, arguments)) in functions.iter().zip(knobs) {
            plan.knob(wanted, wants(&function.values)).knob(arguments, function.arguments);
            plan.at_kernel(function.name.clone())?;
        }
        self.functions.set(functions).ok();
        Ok(())
    }
}

impl Tool {
    fn of(&self, event: &ksnoop_event) -> Option<&Function> {
        self.functions.get()?.get(event.function as usize)
    }
}

/// The number that a value is; none if it was not told.
fn number(e: &ksnoop_event, n: usize, value: &Value) -> Option<i128> {
    ((e.hidden | e.unread) >> n & 1 == 0).then(|| value.shape.number(e.values[n]))
}

impl Stream for Tool {
    type Event = ksnoop_event;

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::time("TIME", 8),
            Column::right("CPU", "cpu", 3),
            Column::right("PID", "pid", 7),
            Column::right("TID", "tid", 7).when(false),
            Column::left("COMM", "comm", 16),
            Column::right("LAT(us)", "lat_us", 10),
            Column::left("FUNCTION", "function", 20),
            Column::last("VALUES", "values"),
        ]
    }

    fn keep(&self, e: &ksnoop_event, _: &[u8]) -> bool {
        let Some(function) = self.of(e) else { return true };
        let holds = |(n, value): (usize, &Value)| {
            value.test.is_none_or(|(test, with)| number(e, n, value).is_some_and(|is| test.holds(is, with)))
        };
        function.values.iter().enumerate().all(holds)
    }

    fn row(&self, _: &Context, e: &ksnoop_event, _: &[u8], row: &mut Row<'_>) {
        row.u64(e.cpu).u64(e.head.pid).u64(e.head.tid).text(until_nul(&e.head.comm)).float(e.took as f64 / 1e3, 3);
        let Some(function) = self.of(e) else {
            row.none().none();
            return;
        };
        let values = function.values.iter().enumerate();
        row.text(&function.name).display_all(values.map(|(n, value)| Shown { value, number: number(e, n, value) }));
    }
}
