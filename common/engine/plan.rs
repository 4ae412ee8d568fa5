//! What a tool asks of the engine.

use std::borrow::Cow;
use std::fs::File;
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::{Object, Program};

/// What a tool asks of the engine: an object, how its knobs stand, and what to attach to. Typed and bounded, so
/// that whoever has the privilege can check it.
#[derive(Debug)]
pub struct Plan {
    pub(crate) object: &'static Object,
    pub(crate) knobs: Vec<(Name, Vec<u8>)>,
    pub(crate) entries: Vec<(Name, u32)>,
    pub(crate) depths: Vec<(Name, u32)>,
    pub(crate) functions: Vec<UserFunctions>,
    pub(crate) samples: Vec<(Name, Sample)>,
    pub(crate) kernel_functions: Vec<Name>,
    pub(crate) only_sets: Vec<u32>,
    pub(crate) events: bool,
}

/// Constant in a tool, read from a message in the daemon.
pub(crate) type Name = Cow<'static, str>;

/// Functions of one file, at which the tool's uprobe programs are put.
#[derive(Debug)]
pub struct UserFunctions {
    /// The executable or library, opened by whoever asks.
    pub file: File,
    /// Offsets into the file, bytes.
    pub offsets: Vec<u64>,
}

/// A perf event, at which a `perf_event` program of the tool runs.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// `PERF_TYPE_*` and its `config`.
    pub kind: (u32, u64),
    /// How often.
    pub rate: Rate,
}

/// How often a program runs at an event, on each CPU.
#[derive(Clone, Copy, Debug)]
pub enum Rate {
    /// So many times a second.
    Hertz(u64),
    /// Each time that the event has happened so many times more.
    Period(u64),
}

impl Sample {
    /// The CPU clock: ticks on idle CPUs too.
    pub fn cpu_clock(hertz: u64) -> Self {
        let kind = (libbpf_sys::PERF_TYPE_SOFTWARE, libbpf_sys::PERF_COUNT_SW_CPU_CLOCK.into());
        Self { kind, rate: Rate::Hertz(hertz) }
    }

    /// Accesses to the last-level cache.
    pub fn cache_references(period: u64) -> Self {
        let kind = (libbpf_sys::PERF_TYPE_HARDWARE, libbpf_sys::PERF_COUNT_HW_CACHE_REFERENCES.into());
        Self { kind, rate: Rate::Period(period) }
    }

    /// Those that the last-level cache cannot serve.
    pub fn cache_misses(period: u64) -> Self {
        let kind = (libbpf_sys::PERF_TYPE_HARDWARE, libbpf_sys::PERF_COUNT_HW_CACHE_MISSES.into());
        Self { kind, rate: Rate::Period(period) }
    }

    /// Does it count what happens in the last-level cache?
    pub fn is_of_cache(&self) -> bool {
        [Self::cache_references(1).kind, Self::cache_misses(1).kind].contains(&self.kind)
    }
}

/// A value that a knob can take.
pub trait Knob {
    /// As it stands in the object's read-only data.
    fn bytes(self) -> Vec<u8>;
}
macro_rules! knob {
    ($($t:ty),*) => { $(impl Knob for $t { fn bytes(self) -> Vec<u8> { self.to_ne_bytes().into() } })* };
}
knob!(u8, u32, i32, u64);
impl Knob for bool {
    fn bytes(self) -> Vec<u8> {
        vec![self.into()]
    }
}
impl Knob for Vec<u8> {
    fn bytes(self) -> Vec<u8> {
        self
    }
}
impl Knob for &str {
    fn bytes(self) -> Vec<u8> {
        self.into()
    }
}

impl Plan {
    /// A plan for the tool of that name.
    pub fn new(tool: &str) -> Result<Self> {
        let object = cbpf_bpf::object(tool).with_context(|| format!("no object for {tool}"))?;
        Ok(Self {
            object,
            knobs: Vec::new(),
            entries: Vec::new(),
            depths: Vec::new(),
            functions: Vec::new(),
            samples: Vec::new(),
            kernel_functions: Vec::new(),
            only_sets: Vec::new(),
            events: false,
        })
    }

    /// Sets a knob. Its name and size are checked against the object's BTF when that is opened.
    pub fn knob(&mut self, name: &'static str, value: impl Knob) -> &mut Self {
        self.knobs.push((name.into(), value.bytes()));
        self
    }

    /// The same with a value as it stands in memory: for what comes in messages.
    pub fn raw_knob(&mut self, name: String, value: Vec<u8>) -> &mut Self {
        self.knobs.push((name.into(), value));
        self
    }

    /// Sizes a map that the tool's options size.
    pub fn entries(&mut self, map: impl Into<Name>, entries: u32) -> &mut Self {
        self.entries.push((map.into(), entries));
        self
    }

    /// Limits the stacks of a stack map to so many frames.
    pub fn depth(&mut self, map: impl Into<Name>, frames: u32) -> &mut Self {
        self.depths.push((map.into(), frames));
        self
    }

    /// Puts the uprobe programs at these functions.
    pub fn at(&mut self, functions: UserFunctions) -> &mut Self {
        self.functions.push(functions);
        self
    }

    /// Puts the programs that have no function of their own at this one of the kernel's, and those with `nth=N` at the
    /// one that was given after N others.
    ///
    /// # Errors
    /// It is no name, or one too many.
    pub fn at_kernel(&mut self, function: impl Into<Name>) -> Result<&mut Self> {
        let function = function.into();
        ensure!(is_function(&function), "{function:?} is not the name of a function");
        ensure!(self.kernel_functions.len() < MOST_KERNEL_FUNCTIONS, "at most {MOST_KERNEL_FUNCTIONS} functions");
        self.kernel_functions.push(function);
        Ok(self)
    }

    /// Tries these alternative sets of programs only.
    pub fn sets(&mut self, sets: &[u32]) -> &mut Self {
        self.only_sets = sets.to_vec();
        self
    }

    /// Runs the `perf_event` program of that name at this event, on every CPU.
    pub fn sample(&mut self, program: impl Into<Name>, sample: Sample) -> &mut Self {
        self.samples.push((program.into(), sample));
        self
    }

    /// Samples the tasks that have a CPU so many times in each second of CPU time (`bpf/include/sample.bpf.h`), with `idle`
    /// idle CPUs too.
    pub fn sample_cpu_time(&mut self, hertz: u64, idle: bool) -> &mut Self {
        self.sample("sample", Sample::cpu_clock(hertz))
            .knob("sample_ns", 1_000_000_000 / hertz.max(1))
            .knob("with_idle", idle)
    }

    /// The tool sends events; without this the ring is not made.
    pub fn events(&mut self) -> &mut Self {
        self.events = true;
        self
    }

    /// The function of the kernel that a program is put at which has none of its own.
    pub(super) fn kernel_function(&self, program: &Program) -> Result<Option<&str>> {
        if program.section.contains('/') || !AT_FUNCTIONS.contains(&&*program.section) {
            return Ok(None);
        }
        Ok(Some(self.kernel_functions.get(program.nth).context("no function of the kernel was named")?))
    }

    /// A program's section with its function.
    pub(super) fn place(&self, program: &Program) -> String {
        match self.kernel_function(program) {
            Ok(Some(function)) => format!("{}/{function}", program.section),
            _ => program.section.clone(),
        }
    }

    pub(super) fn is_set(&self, knob: &str) -> bool {
        self.knobs.iter().any(|(name, value)| *name == knob && value.iter().any(|b| *b != 0))
    }
}

impl UserFunctions {
    /// The kernel resolves it to the open file, whatever has since become of its name.
    pub(super) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }
}

/// Programs at functions of the kernel, by their sections.
const AT_FUNCTIONS: &[&str] = &["fentry", "fexit", "kprobe.multi", "kretprobe.multi", "kprobe", "kretprobe"];

/// The functions of the kernel in a section, such as `kprobe/one,other`.
pub(super) fn functions_of(section: &str) -> impl Iterator<Item = &str> {
    section.split_once('/').map_or("", |(_, functions)| functions).split(',')
}

/// The most functions of the kernel that a plan may name.
pub const MOST_KERNEL_FUNCTIONS: usize = 8;

/// Can a function of the kernel have this name? Longer ones than the kernel's own limit for it are none.
pub fn is_function(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
        && name.len() < 128
}
