//! The one engine: opens a tool's object, writes its knobs and the ownership record, loads the first set of programs
//! that this kernel takes, and attaches it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_bpf::events::{cbpf_counts, cbpf_owner, cbpf_scope, kernel_names, kernel_stack, viewer_info};
use cbpf_bpf::{KERNEL_FUNCTIONS, KERNEL_VARIABLES, Object, Program, Subject};
use libbpf_rs::btf::{Btf, ReferencesType as _, types};
use libbpf_rs::{
    AsRawLibbpf as _, Link, MapCore as _, MapFlags, MapType, OpenObject, OpenProgramMut, PrintLevel, ProgramInput,
    UprobeMultiOpts, UprobeOpts,
};
use plain::Plain;

use crate::kernel_types::{Ids, KernelTypes, ids_by_libbpf};
use crate::token::{self, Masks, Token};
use crate::tracepoints;

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
pub type Name = Cow<'static, str>;

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

    /// Samples the tasks that have a CPU so many times in each second of CPU time (`bpf/sample.bpf.h`), with `idle`
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
    fn kernel_function(&self, program: &Program) -> Result<Option<&str>> {
        if program.section.contains('/') || !AT_FUNCTIONS.contains(&&*program.section) {
            return Ok(None);
        }
        Ok(Some(self.kernel_functions.get(program.nth).context("no function of the kernel was named")?))
    }

    /// A program's section with its function.
    fn place(&self, program: &Program) -> String {
        match self.kernel_function(program) {
            Ok(Some(function)) => format!("{}/{function}", program.section),
            _ => program.section.clone(),
        }
    }

    fn is_set(&self, knob: &str) -> bool {
        self.knobs.iter().any(|(name, value)| *name == knob && value.iter().any(|b| *b != 0))
    }
}

/// Programs at functions of the kernel, by their sections.
const AT_FUNCTIONS: &[&str] = &["fentry", "fexit", "kprobe.multi", "kretprobe.multi", "kprobe", "kretprobe"];

/// The functions of the kernel in a section, such as `kprobe/one,other`.
fn functions_of(section: &str) -> impl Iterator<Item = &str> {
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

/// Why a tool cannot run here: one reason for each set of programs, in the order tried.
#[derive(Debug)]
pub struct Refused {
    /// The tool.
    pub tool: &'static str,
    /// What failed in each set.
    pub reasons: Vec<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot run on this kernel: {}", self.tool, self.reasons.join("; "))
    }
}
impl std::error::Error for Refused {}

/// A tool's programs, attached. Dropping it detaches them.
#[derive(Debug)]
pub struct Loaded {
    object: libbpf_rs::Object,
    links: Vec<Link>,
    events: bool,
    /// Number of the set that was taken.
    pub set: u32,
    /// Why earlier sets were not.
    pub passed_over: Vec<String>,
}

/// How a tool is loaded, beyond what it asks for itself.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Size of the ring, bytes.
    pub buffer: u32,
    /// What carries the permission, if the caller's own capabilities do not.
    pub token: Option<&'a Token>,
    /// The most memory for maps and ring, bytes.
    pub memory: u64,
}

/// What libbpf complained about last. Its messages name the cause better than the errno that it returns.
static COMPLAINTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn keep(level: PrintLevel, message: String) {
    if let (PrintLevel::Warn, Ok(mut kept)) = (level, COMPLAINTS.lock()) {
        kept.push(message);
    }
}

/// For what libbpf calls that fails for a reason which libbpf does not know.
pub(crate) fn complain(what: String) {
    keep(PrintLevel::Warn, what);
}

fn print(level: PrintLevel, message: String) {
    eprint!("{message}");
    keep(level, message);
}

/// Routes libbpf's messages: kept for reasons, and with `verbose` printed to stderr.
pub fn listen(verbose: bool) {
    libbpf_rs::set_print(Some(if verbose { (PrintLevel::Debug, print) } else { (PrintLevel::Warn, keep) }));
}

/// The line of libbpf's complaints that says most: the verifier's last word, or else the first complaint.
fn complaint() -> Option<String> {
    let kept = std::mem::take(&mut *COMPLAINTS.lock().ok()?);
    let lines: Vec<&str> = kept.iter().flat_map(|m| m.lines()).collect();
    let verdict =
        lines.iter().position(|line| line.starts_with("processed ")).and_then(|at| lines.get(at.wrapping_sub(1)));
    // The memlock hint is libbpf's guess at every EPERM, and wrong since 5.11.
    let first = || lines.iter().find(|line| !line.contains("memlock") && !line.contains("PROG LOAD LOG"));
    let line = verdict.or_else(first)?;
    Some(line.trim_start_matches("libbpf: ").trim().to_owned())
}

/// The number of CPUs there can be.
pub fn possible_cpus() -> Result<u32> {
    Ok(libbpf_rs::num_possible_cpus()?.try_into()?)
}

/// Loads and attaches the first set of the plan's programs that this kernel takes. A [`Refused`] in the error's
/// chain says that none was.
pub fn load(plan: &Plan, owner: &cbpf_owner, options: Options<'_>) -> Result<Loaded> {
    ensure!(owner.scope != cbpf_scope::CBPF_NOBODY.0, "the ownership record is empty");
    let tool = plan.object.name;
    let types = kernel_types(plan.object);
    let ids = ids(types.as_ref())?;
    let object = open(plan.object, options.token, types.as_ref())?;
    let programs = cbpf_bpf::programs(&object)?;
    let mut reasons = Vec::new();
    let mut opened = Some(object);
    let chosen = |set: &u32| plan.only_sets.is_empty() || plan.only_sets.contains(set);
    for set in sets(&programs).into_iter().filter(chosen) {
        let object = opened.take().map_or_else(|| open(plan.object, options.token, types.as_ref()), Ok)?;
        match load_set(plan, owner, options, &ids, &programs, set, object) {
            Ok(mut loaded) => {
                loaded.passed_over = reasons;
                return Ok(loaded);
            }
            Err(e) if e.is::<BadPlan>() => return Err(e),
            Err(e) => reasons.push(format!("{e:#}")),
        }
    }
    // What ails them all is said once.
    reasons.dedup();
    Err(Refused { tool, reasons }.into())
}

/// A fault of the plan itself: another set would not mend it.
#[derive(Debug)]
struct BadPlan(String);
impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for BadPlan {}

/// What an object asks of the kernel's types, if they can be read.
fn kernel_types(object: &Object) -> Option<KernelTypes> {
    KernelTypes::of(object.types, object.tracepoints).ok()
}

/// Opens an object. Every bpf() call that libbpf makes for it, its feature probes too, carries the token; without one
/// an empty path keeps libbpf from looking for a token on its own. Without `types` libbpf looks through all that the
/// kernel has, which takes its time.
fn open(object: &Object, token: Option<&Token>, types: Option<&KernelTypes>) -> Result<OpenObject> {
    tracepoints::register()?;
    let name = CString::new(object.name)?;
    let types = types.and_then(KernelTypes::path);
    let opts = libbpf_sys::bpf_object_open_opts {
        sz: size_of::<libbpf_sys::bpf_object_open_opts>() as _,
        object_name: name.as_ptr(),
        btf_custom_path: types.as_ref().map_or(ptr::null(), |path| path.as_ptr()),
        bpf_token_path: token.map_or(c"", |token| &token.path).as_ptr(),
        ..Default::default()
    };
    let image = object.image()?;
    // SAFETY: the image and the strings live through the call; libbpf copies what it keeps.
    let raw = unsafe { libbpf_sys::bpf_object__open_mem(image.as_ptr().cast(), image.len() as _, &opts) };
    let raw = NonNull::new(raw)
        .with_context(|| format!("cannot open the object of {}: {}", object.name, std::io::Error::last_os_error()))?;
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OpenObject::from_ptr(raw) })
}

/// What a token must allow for the programs and maps of an opened object that are to be loaded.
pub fn needs(object: &OpenObject) -> Masks {
    let bit = |n: u32| 1u64.checked_shl(n).unwrap_or(0);
    // libbpf tries itself out on a socket filter and loads BTF and constants for everything.
    let mut needs = Masks {
        cmds: bit(libbpf_sys::BPF_MAP_CREATE) | bit(libbpf_sys::BPF_PROG_LOAD) | bit(libbpf_sys::BPF_BTF_LOAD),
        maps: bit(libbpf_sys::BPF_MAP_TYPE_ARRAY),
        progs: bit(libbpf_sys::BPF_PROG_TYPE_SOCKET_FILTER),
        attachs: bit(0),
    };
    for program in object.progs().filter(|p| p.autoload()) {
        // SAFETY: the program belongs to the open object.
        let attach = unsafe { libbpf_sys::bpf_program__expected_attach_type(program.as_libbpf_object().as_ptr()) };
        needs.progs |= bit(if tracepoints::is_section(program.section().as_encoded_bytes()) {
            libbpf_sys::BPF_PROG_TYPE_TRACING
        } else {
            program.prog_type() as u32
        });
        needs.attachs |= bit(attach);
    }
    for map in object.maps().filter(|m| m.autocreate()) {
        needs.maps |= bit(map.map_type() as u32);
    }
    needs
}

/// What a token must allow for a tool, whichever of its sets is taken, and for its user's identity.
pub fn tool_needs(tool: &str) -> Result<Masks> {
    // A token never gives the scope that the host's are for.
    let programs = tool_needs_of(tool, |p| p.subject != Subject::Host)?;
    Ok(programs.with(&tool_needs_of("viewer", |_| true)?))
}

fn tool_needs_of(name: &str, counts: impl Fn(&Program) -> bool) -> Result<Masks> {
    let mut object = open(cbpf_bpf::object(name).with_context(|| format!("no tool {name}"))?, None, None)?;
    let programs = cbpf_bpf::programs(&object)?;
    for mut program in object.progs_mut() {
        let keep = programs.iter().any(|p| program.name() == &*p.name && counts(p));
        program.set_autoload(keep);
    }
    Ok(needs(&object))
}

/// What a token lacks for the tool's identity of its user, and for that set of its programs for which it lacks least.
/// Programs that only options ask for do not count.
pub fn lacks(tool: &str, allows: &Masks) -> Result<Masks> {
    let viewer = allows.lacks(&tool_needs_of("viewer", |p| p.subject == Subject::Viewer)?);
    let programs = cbpf_bpf::programs(&open(cbpf_bpf::object(tool).context("no such tool")?, None, None)?)?;
    let of_set = |set: u32| {
        let counts = |p: &Program| {
            (p.sets.is_empty() || p.sets.contains(&set))
                && p.when.is_none()
                && !matches!(p.subject, Subject::Host | Subject::Viewer | Subject::Family)
        };
        Ok::<_, anyhow::Error>(allows.lacks(&tool_needs_of(tool, counts)?))
    };
    let all = sets(&programs).into_iter().map(of_set).collect::<Result<Vec<_>>>()?;
    let least = all.into_iter().min_by_key(|lacks| lacks.options().len()).unwrap_or_default();
    Ok(viewer.with(&least))
}

/// Loads each set of the plan's programs that this kernel takes, and attaches none: what the verifier makes of them. It
/// has libbpf look for types by itself, which tools do only where the types have a layout that is not known here.
pub fn verify(plan: &Plan, owner: &cbpf_owner, options: Options<'_>) -> Result<Vec<Loaded>> {
    let programs = cbpf_bpf::programs(&open(plan.object, options.token, None)?)?;
    let types = kernel_types(plan.object);
    let ids = ids(types.as_ref())?;
    let results = sets(&programs).into_iter().map(|set| {
        let object = open(plan.object, options.token, None)?;
        load_programs(plan, owner, options, &ids, &programs, set, object)
    });
    let (loaded, refused): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
    if loaded.is_empty() {
        let reasons = refused.into_iter().filter_map(Result::err).map(|e| format!("{e:#}")).collect();
        return Err(Refused { tool: plan.object.name, reasons }.into());
    }
    Ok(loaded.into_iter().flatten().map(|(loaded, _)| loaded).collect())
}

/// The numbers of the alternative sets.
fn sets(programs: &[Program]) -> BTreeSet<u32> {
    let sets: BTreeSet<u32> = programs.iter().flat_map(|p| p.sets.iter().copied()).collect();
    if sets.is_empty() { BTreeSet::from([0]) } else { sets }
}

/// The programs of one set that the plan asks for.
fn wanted<'p>(plan: &Plan, programs: &'p [Program], set: u32, host: bool, family: bool) -> Vec<&'p Program> {
    let wanted = |p: &&Program| {
        (p.sets.is_empty() || p.sets.contains(&set))
            && p.when.as_deref().is_none_or(|knob| plan.is_set(knob))
            && !p.unless.as_deref().is_some_and(|knob| plan.is_set(knob))
            && match p.subject {
                Subject::Family => family,
                Subject::Host => host,
                Subject::Viewer => false,
                _ => true,
            }
    };
    programs.iter().filter(wanted).collect()
}

/// What a plan would load, without loading it.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// Each set by its number, with the sections of its programs.
    pub sets: Vec<(u32, Vec<String>)>,
    /// Memory of maps and ring, bytes.
    pub memory: u64,
}

/// Looks at what a plan would load, with no privilege at all.
pub fn outlook(plan: &Plan, host: bool, buffer: u32) -> Result<Outlook> {
    let mut object = open(plan.object, None, None)?;
    let programs = cbpf_bpf::programs(&object)?;
    let chosen = |set: &u32| plan.only_sets.is_empty() || plan.only_sets.contains(set);
    let sections = |set| wanted(plan, &programs, set, host, false).iter().map(|p| plan.place(p)).collect();
    let options = Options { buffer, token: None, memory: u64::MAX };
    Ok(Outlook {
        sets: sets(&programs).into_iter().filter(chosen).map(|set| (set, sections(set))).collect(),
        memory: size_maps(plan, &cbpf_owner::default(), options, &mut object)?,
    })
}

fn load_set(
    plan: &Plan,
    owner: &cbpf_owner,
    options: Options<'_>,
    ids: &Ids,
    programs: &[Program],
    set: u32,
    object: OpenObject,
) -> Result<Loaded> {
    let (mut loaded, wanted) = load_programs(plan, owner, options, ids, programs, set, object)?;
    // The family's own programs last: a process is forgotten after the tool has seen it end. Before them what looks at
    // the past, so that nothing falls between that and the trace.
    let (family, mut own): (Vec<&Program>, Vec<&Program>) =
        wanted.into_iter().partition(|p| p.subject == Subject::Family);
    // And the ends of functions before their beginnings: no call is seen to begin whose end will not be seen.
    own.sort_by_key(|p| (p.section.starts_with("iter/"), !is_end(&p.section)));
    for program in own.into_iter().chain(family) {
        loaded.attach(plan, program).map_err(|e| {
            let why = complaint().unwrap_or_else(|| format!("{e:#}"));
            anyhow::anyhow!("cannot attach {}: {why}{}", plan.place(program), attach_hint(program, &e))
        })?;
    }
    Ok(loaded)
}

/// Is a program in that section run where a function ends?
fn is_end(section: &str) -> bool {
    matches!(
        section.split('/').next(),
        Some("fexit" | "kretprobe" | "kretprobe.multi" | "uretprobe" | "uretprobe.multi")
    )
}

/// Loads the programs of one set that the plan asks for.
fn load_programs<'p>(
    plan: &Plan,
    owner: &cbpf_owner,
    options: Options<'_>,
    ids: &Ids,
    programs: &'p [Program],
    set: u32,
    object: OpenObject,
) -> Result<(Loaded, Vec<&'p Program>)> {
    let result = load_with(plan, owner, options, ids, programs, set, object);
    match &result {
        // Its types tell a variable that the kernel itself does not find: one without CONFIG_KALLSYMS_ALL.
        Err(e) if e.to_string().contains("failed to find the address for kernel symbol") => {
            let ids = Ids { variables: Default::default(), ..ids.clone() };
            load_with(plan, owner, options, &ids, programs, set, open(plan.object, options.token, None)?)
        }
        _ => result,
    }
}

fn load_with<'p>(
    plan: &Plan,
    owner: &cbpf_owner,
    options: Options<'_>,
    ids: &Ids,
    programs: &'p [Program],
    set: u32,
    mut object: OpenObject,
) -> Result<(Loaded, Vec<&'p Program>)> {
    let host = owner.scope == cbpf_scope::CBPF_HOST.0;
    let wanted = wanted(plan, programs, set, host, owner.family != 0);
    ensure!(
        wanted.iter().any(|p| p.subject != Subject::Family),
        if host {
            "it sees tasks alone, and no idle CPU"
        } else {
            "it has a meaning for the whole machine only (--scope host)"
        }
    );

    write_data(plan, owner, &mut object)?;
    size_maps(plan, owner, options, &mut object)?;
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy().into_owned();
        let wanted = wanted.iter().find(|p| p.name == name);
        program.set_autoload(wanted.is_some());
        if let Some(wanted) = wanted {
            link(&mut program, ids)?;
            if wanted.section == "fentry" || wanted.section == "fexit" {
                let function = plan.kernel_function(wanted)?.unwrap_or_default();
                program.set_attach_target(0, Some(function.into())).with_context(|| {
                    format!(
                        "{} has no place for {}: the kernel's types have no such function",
                        function, wanted.section
                    )
                })?;
            }
        }
    }
    if let Some(token) = options.token {
        let lacks = token.allows.lacks(&needs(&object));
        let lacks = lacks.options();
        ensure!(lacks.is_empty(), "{} lacks {}", token::display(token), lacks.join(" "));
    }
    COMPLAINTS.lock().map(|mut kept| kept.clear()).ok();
    let object = tracepoints::load(object, &ids.tracepoints).map_err(|e| match complaint() {
        Some(line) => anyhow::anyhow!("cannot load: {line}{}", load_hint(&wanted, &line)),
        None => anyhow::anyhow!("cannot load: {e}"),
    })?;

    Ok((Loaded { object, links: Vec::new(), events: plan.events, set, passed_over: Vec::new() }, wanted))
}

fn ids(types: Option<&KernelTypes>) -> Result<Ids> {
    types.map_or_else(ids_by_libbpf, |types| Ok(types.ids.clone()))
}

/// Puts calls of kernel functions, and variables, where a program has their numbers, and nothing where this kernel lacks
/// them.
fn link(program: &mut OpenProgramMut<'_>, ids: &Ids) -> Result<()> {
    const LOAD: u8 = (libbpf_sys::BPF_LD | libbpf_sys::BPF_IMM | libbpf_sys::BPF_DW) as u8;
    const CALL: u8 = (libbpf_sys::BPF_JMP | libbpf_sys::BPF_CALL) as u8;
    let raw = program.as_libbpf_object().as_ptr();
    let mut changed = false;
    // SAFETY: the program belongs to an open object, and libbpf says how many instructions it has there.
    let mut insns = unsafe {
        let (first, count) = (libbpf_sys::bpf_program__insns(raw), libbpf_sys::bpf_program__insn_cnt(raw));
        std::slice::from_raw_parts(first, count as usize).to_vec()
    };
    for insn in insns.iter_mut().filter(|insn| insn.code == CALL && insn.src_reg() == 0) {
        let Some(nth) = KERNEL_FUNCTIONS.iter().position(|(number, _)| *number == insn.imm) else { continue };
        changed = true;
        *insn = libbpf_sys::bpf_insn::default();
        match ids.functions[nth] {
            Some(id) => {
                insn.code = CALL;
                insn.set_src_reg(libbpf_sys::BPF_PSEUDO_KFUNC_CALL as u8);
                insn.imm = id as i32;
            }
            // A jump to the next instruction.
            None => insn.code = (libbpf_sys::BPF_JMP | libbpf_sys::BPF_JA) as u8,
        }
    }
    // A constant of 64 bits takes two instructions.
    for at in 1..insns.len() {
        let [insn, high] = &mut insns[at - 1..=at] else { continue };
        if insn.code != LOAD || insn.src_reg() != 0 {
            continue;
        }
        let number = u64::from(insn.imm as u32) | u64::from(high.imm as u32) << 32;
        let Some(nth) = KERNEL_VARIABLES.iter().position(|(of, _)| *of == number) else { continue };
        changed = true;
        (insn.imm, high.imm) = (0, 0);
        if let Some(id) = ids.variables[nth] {
            insn.set_src_reg(libbpf_sys::BPF_PSEUDO_BTF_ID as u8);
            insn.imm = id as i32;
        }
    }
    if changed {
        // SAFETY: as above; libbpf copies the instructions.
        let ret = unsafe { libbpf_sys::bpf_program__set_insns(raw, insns.as_mut_ptr(), insns.len() as _) };
        ensure!(ret == 0, "cannot link a program: {}", std::io::Error::from_raw_os_error(-ret));
    }
    Ok(())
}

/// What would mend a failed attachment, where the errno does not say it.
fn attach_hint(program: &Program, error: &anyhow::Error) -> &'static str {
    let denied = |e: &libbpf_rs::Error| e.kind() == libbpf_rs::ErrorKind::PermissionDenied;
    let errno = || error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
    match program.section.split('/').next().unwrap_or_default() {
        "perf_event" if errno().is_some_and(is_uncounted) => {
            " (no hardware here counts that: virtual machines mostly lack it, and so do some CPUs)"
        }
        // They go through perf_event_open, and newer and stable kernels no longer grant that to CAP_PERFMON.
        kind if kind.starts_with('u') && error.downcast_ref().is_some_and(denied) => {
            " (without uprobe.multi, which Linux 6.6 has, uprobes need CAP_SYS_ADMIN)"
        }
        "kprobe.multi" | "kretprobe.multi" => {
            " (it needs Linux 5.18 with CONFIG_FPROBE, and a function of that name that is not inlined)"
        }
        "kprobe" | "kretprobe" if !Path::new("/sys/bus/event_source/devices/kprobe").exists() => {
            " (this kernel is without CONFIG_KPROBES)"
        }
        "kprobe" | "kretprobe" if error.downcast_ref().is_some_and(denied) => " (kprobes need CAP_PERFMON of the host)",
        "kprobe" | "kretprobe" => " (it needs a function of that name that is not inlined; is its module loaded?)",
        _ => "",
    }
}

/// The same where loading failed: for EPERM the verifier has no words.
fn load_hint(programs: &[&Program], complaint: &str) -> &'static str {
    let trampoline = |p: &&Program| p.section.starts_with("fentry") || p.section.starts_with("fexit");
    if complaint.contains("-EPERM") && programs.iter().any(trampoline) {
        " (this kernel, or this grant, lets no programs be put at functions by fentry and fexit)"
    } else {
        ""
    }
}

/// Writes the ownership record and the knobs.
fn write_data(plan: &Plan, owner: &cbpf_owner, object: &mut OpenObject) -> Result<()> {
    let knobs = cbpf_bpf::knobs(object)?;
    let mut has_owner = false;
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let Some(data) = map.initial_value_mut() else { continue };
        if name == ".rodata.owner" {
            // SAFETY: the record is a C struct of integers without padding that reaches to its size.
            let bytes = unsafe { plain::as_bytes(owner) };
            ensure!(data.len() == bytes.len(), "the ownership record has another layout in the object");
            data.copy_from_slice(bytes);
            has_owner = true;
        } else if name.ends_with(".rodata") {
            for (knob, value) in &plan.knobs {
                let Some(at) = knobs.iter().find(|k| k.name == *knob) else { continue };
                let exact = value.len() == at.size || (at.size > 8 && value.len() < at.size);
                ensure!(exact, BadPlan(format!("knob {knob} has {} bytes, not {}", at.size, value.len())));
                data[at.offset..at.offset + value.len()].copy_from_slice(value);
            }
        }
    }
    ensure!(has_owner, "the object has no ownership record");
    if let Some((knob, _)) = plan.knobs.iter().find(|(name, _)| knobs.iter().all(|k| k.name != *name)) {
        bail!(BadPlan(format!("{} has no knob {knob}", plan.object.name)));
    }
    Ok(())
}

/// Sizes the maps, and returns the memory that they take, bytes.
fn size_maps(plan: &Plan, owner: &cbpf_owner, options: Options<'_>, object: &mut OpenObject) -> Result<u64> {
    let mut memory = 0;
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        match &*name {
            "events" if plan.events => map.set_max_entries(options.buffer)?,
            "events" | "scratch_space" => map.set_autocreate(plan.events)?,
            "counts" => map.set_max_entries(possible_cpus()?)?,
            "family" => map.set_autocreate(owner.family != 0)?,
            "period" => map.set_autocreate(plan.is_set("with_max"))?,
            _ => {
                if let Some((_, entries)) = plan.entries.iter().find(|(of, _)| *of == name) {
                    map.set_max_entries(*entries)?;
                }
                if let Some((_, frames)) = plan.depths.iter().find(|(of, _)| *of == name) {
                    map.set_value_size(frames * size_of::<u64>() as u32)?;
                }
            }
        }
        if map.autocreate() {
            memory += u64::from(map.max_entries()) * (u64::from(map.key_size()) + u64::from(map.value_size())).max(1);
        }
    }
    let most = options.memory;
    ensure!(memory <= most, BadPlan(format!("it would take {memory} bytes of maps, and {most} are allowed")));
    Ok(memory)
}

impl Loaded {
    fn attach(&mut self, plan: &Plan, program: &Program) -> Result<()> {
        let prog =
            self.object.progs_mut().find(|p| p.name() == &*program.name).context("the program was not loaded")?;
        let mut links = Vec::new();
        match program.section.split('/').next().unwrap_or_default() {
            kind @ ("uprobe.multi" | "uretprobe.multi") => {
                for functions in &plan.functions {
                    let opts = UprobeMultiOpts {
                        offsets: functions.offsets.iter().map(|o| *o as _).collect(),
                        retprobe: kind == "uretprobe.multi",
                        ..Default::default()
                    };
                    links.push(prog.attach_uprobe_multi_with_opts(-1, functions.path(), "", opts)?);
                }
            }
            kind @ ("uprobe" | "uretprobe") => {
                for functions in &plan.functions {
                    for offset in &functions.offsets {
                        let opts = UprobeOpts { retprobe: kind == "uretprobe", ..Default::default() };
                        links.push(prog.attach_uprobe_with_opts(-1, functions.path(), *offset as usize, opts)?);
                    }
                }
            }
            "perf_event" => {
                let (_, sample) =
                    plan.samples.iter().find(|(of, _)| *of == program.name).context("no perf event asked for")?;
                for cpu in online_cpus()? {
                    let event = perf_event(*sample, cpu)?;
                    links.push(prog.attach_perf_event(event.as_raw_fd())?);
                    // From here on it is the link's, which closes it.
                    let _ = event.into_raw_fd();
                }
            }
            kind @ ("kprobe.multi" | "kretprobe.multi") => {
                let place = plan.place(program);
                let functions = functions_of(&place).collect();
                links.push(prog.attach_kprobe_multi(kind == "kretprobe.multi", functions)?);
            }
            kind @ ("kprobe" | "kretprobe") => {
                let place = plan.place(program);
                for function in functions_of(&place) {
                    links.push(prog.attach_kprobe(kind == "kretprobe", function)?);
                }
            }
            // It runs once, to its end.
            "iter" => {
                let mut run = libbpf_rs::Iter::new(&prog.attach()?)?;
                std::io::copy(&mut run, &mut std::io::sink())?;
                return Ok(());
            }
            "tp_btf" => links.push(prog.attach_trace()?),
            _ => links.push(prog.attach()?),
        }
        ensure!(!links.is_empty(), "nothing to attach to");
        self.links.extend(links);
        Ok(())
    }

    /// Detaches everything: from here on nothing is counted any more.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// The ring of events, where the plan has asked for one.
    pub fn events(&self) -> Option<(BorrowedFd<'_>, u32)> {
        // libbpf holds a descriptor even for a map that was not made.
        if !self.events {
            return None;
        }
        let map = self.map("events").ok()?;
        Some((map, self.object.maps().find(|m| m.name() == "events")?.max_entries()))
    }

    /// The counters, an array of `cbpf_counts` by CPU that can be mapped.
    pub fn counts(&self) -> Result<BorrowedFd<'_>> {
        self.map("counts")
    }

    /// Forbids writing to the counters from user space, for who passes them on: they can then be mapped to be read only.
    pub fn freeze_counts(&self) -> Result<()> {
        // SAFETY: a descriptor of a map of ours.
        let ret = unsafe { libbpf_sys::bpf_map_freeze(self.counts()?.as_raw_fd()) };
        ensure!(ret == 0, "cannot freeze the counts: {}", std::io::Error::from_raw_os_error(-ret));
        Ok(())
    }

    fn map(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let map = self.object.maps().find(|m| m.name() == name).with_context(|| format!("no map {name}"))?;
        // SAFETY: the descriptor belongs to the object, which the result borrows.
        Ok(unsafe { BorrowedFd::borrow_raw(map.as_fd().as_raw_fd()) })
    }

    /// Sizes of a map's keys and values, bytes.
    pub fn layout(&self, name: &str) -> Result<(usize, usize)> {
        let map = self.object.maps().find(|m| m.name() == name).with_context(|| format!("no map {name}"))?;
        Ok((map.key_size() as usize, map.value_size() as usize))
    }

    /// Everything in a map that is for reports, in batches where the kernel can, as key and value.
    pub fn read(&self, name: &str, mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        ensure!(self.is_report(name)?, "map {name} is not for reports");
        let map = self.object.maps().find(|m| m.name() == name).with_context(|| format!("no map {name}"))?;
        if map.map_type() == MapType::Hash {
            let batch = map
                .lookup_batch(1024, MapFlags::ANY, MapFlags::ANY)
                .map_err(|e| anyhow::anyhow!("cannot read map {name}: {e}"))?;
            for (key, value) in batch {
                each(&key, &value)?;
            }
            return Ok(());
        }
        for key in map.keys() {
            if let Some(value) = map.lookup(&key, MapFlags::ANY)? {
                each(&key, &value)?;
            }
        }
        Ok(())
    }

    /// Is it a map of the tool's that was made to be read, and so has no kernel address in it? REPORT in bpf/emit.bpf.h.
    fn is_report(&self, name: &str) -> Result<bool> {
        // SAFETY: the pointer is that of a live object.
        let btf = unsafe { Btf::from_bpf_object(self.object.as_libbpf_object().as_ref()) }?;
        let btf = btf.context("the object has no BTF")?;
        let mut tags =
            btf.type_by_kind::<types::DeclTag<'_>>().filter(|tag| tag.name().is_some_and(|t| t == "cbpf:report"));
        Ok(tags.any(|tag| {
            types::Var::try_from(tag.referenced_type()).is_ok_and(|var| var.name().is_some_and(|of| of == name))
        }))
    }

    /// Everything in a hash or array map. The sizes must be those of `K` and `V`.
    pub fn snapshot<K: Plain + Copy + Default, V: Plain + Copy + Default>(&self, name: &str) -> Result<Vec<(K, V)>> {
        ensure!(self.layout(name)? == (size_of::<K>(), size_of::<V>()), "map {name} has another layout in the object");
        let mut all = Vec::new();
        self.read(name, |key, value| {
            all.push(copy_entry(key, value)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The addresses of a stack that a program stored under `id`, innermost first; none where there is no such stack.
    pub fn stack(&self, name: &str, id: u32) -> Result<Vec<u64>> {
        let map = self.object.maps().find(|m| m.name() == name).with_context(|| format!("no map {name}"))?;
        ensure!(map.map_type() == MapType::StackTrace, "map {name} has no stacks");
        let Some(bytes) = map.lookup(&id.to_ne_bytes(), MapFlags::ANY)? else { return Ok(Vec::new()) };
        let word = |b: &[u8]| b.try_into().map_or(0, u64::from_ne_bytes);
        Ok(bytes.chunks_exact(8).map(word).take_while(|a| *a != 0).collect())
    }

    /// Makes a process, as the viewer numbers it, the ancestor of the traced family.
    pub fn adopt(&self, pid: u32) -> Result<()> {
        let map = self.object.maps().find(|m| m.name() == "family").context("no family is traced")?;
        map.update(&pid.to_ne_bytes(), &[1], MapFlags::ANY).context("cannot trace the command")
    }

    /// Ends the period that maxima are kept for, and returns its number.
    pub fn next_period(&self) -> Result<u64> {
        let map = self.object.maps().find(|m| m.name() == "period").context("no maxima are kept")?;
        let zero = 0u32.to_ne_bytes();
        let now = map.lookup(&zero, MapFlags::ANY)?.and_then(|v| v.try_into().ok()).map_or(0, u64::from_ne_bytes);
        map.update(&zero, &(now + 1).to_ne_bytes(), MapFlags::ANY)?;
        Ok(now)
    }

    /// How often the kernel left a program out because it interrupted that same program on the same CPU
    /// (`recursion_misses`, 5.12; older kernels do not say).
    pub fn missed(&self) -> u64 {
        let fds = self.object.progs().map(|p| p.as_fd().as_raw_fd()).filter(|fd| *fd >= 0);
        fds.filter_map(|fd| Some(program_info(fd).ok()?.recursion_misses)).sum()
    }

    /// How many instructions the verifier looked at, for each loaded program: its cost.
    pub fn verified_insns(&self) -> Result<Vec<(String, u32)>> {
        self.object
            .progs()
            .filter(|p| p.as_fd().as_raw_fd() >= 0)
            .map(|p| {
                let info = program_info(p.as_fd().as_raw_fd())?;
                Ok((p.name().to_string_lossy().into_owned(), info.verified_insns))
            })
            .collect()
    }
}

/// A key and its value, typed.
pub(crate) fn copy_entry<K: Plain + Copy + Default, V: Plain + Copy + Default>(
    key: &[u8],
    value: &[u8],
) -> Result<(K, V)> {
    let (mut k, mut v) = (K::default(), V::default());
    plain::copy_from_bytes(&mut k, key).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    plain::copy_from_bytes(&mut v, value).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    Ok((k, v))
}

fn program_info(fd: RawFd) -> Result<libbpf_sys::bpf_prog_info> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut len = size_of_val(&info) as u32;
    // SAFETY: the kernel writes at most `len` bytes of `info`; the descriptor is a program's.
    let ret = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(fd, &mut info, &mut len) };
    ensure!(ret == 0, "cannot read a program's description: {}", std::io::Error::from_raw_os_error(-ret));
    Ok(info)
}

impl UserFunctions {
    /// The kernel resolves it to the open file, whatever has since become of its name.
    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }
}

fn online_cpus() -> Result<Vec<i32>> {
    let path = "/sys/devices/system/cpu/online";
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    cpu_list(text.trim()).with_context(|| format!("{path}: {text}"))
}

/// `0-3,5` as numbers.
fn cpu_list(text: &str) -> Option<Vec<i32>> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(low.parse::<i32>().ok()?..=high.parse().ok()?);
    }
    Some(cpus)
}

/// Can this machine's hardware count what happens in the last-level cache? True too where that cannot be asked.
pub fn counts_cache() -> bool {
    let mut attr = attributes(Sample::cache_misses(1));
    // What everybody may ask for: a count of one's own.
    attr.set_exclude_kernel(1);
    // SAFETY: the attributes are initialised and `size` is theirs; the kernel returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &attr, 0, -1, -1, libbpf_sys::PERF_FLAG_FD_CLOEXEC) };
    if fd < 0 {
        return !std::io::Error::last_os_error().raw_os_error().is_some_and(is_uncounted);
    }
    // SAFETY: just returned, and nobody else's.
    drop(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
    true
}

/// Is it what perf_event_open() says of what the hardware does not count?
fn is_uncounted(errno: i32) -> bool {
    [libc::ENOENT, libc::EOPNOTSUPP, libc::ENODEV].contains(&errno)
}

fn attributes(sample: Sample) -> libbpf_sys::perf_event_attr {
    let mut attr = libbpf_sys::perf_event_attr { type_: sample.kind.0, config: sample.kind.1, ..Default::default() };
    attr.size = size_of_val(&attr) as u32;
    match sample.rate {
        Rate::Hertz(hertz) => {
            attr.__bindgen_anon_1.sample_freq = hertz;
            attr.set_freq(1);
        }
        Rate::Period(events) => attr.__bindgen_anon_1.sample_period = events,
    }
    attr
}

fn perf_event(sample: Sample, cpu: i32) -> Result<OwnedFd> {
    let attr = attributes(sample);
    // SAFETY: the attributes are initialised and `size` is theirs; the kernel returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &attr, -1, cpu, -1, libbpf_sys::PERF_FLAG_FD_CLOEXEC) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()).with_context(|| format!("perf_event_open on CPU {cpu}"));
    }
    // SAFETY: just returned, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Asks the kernel what this process is; see `bpf/viewer.bpf.c`.
pub fn describe_caller(token: Option<&Token>) -> Result<viewer_info> {
    let object = cbpf_bpf::object("viewer").context("no object for viewer")?;
    let types = kernel_types(object);
    let mut object = open(object, token, types.as_ref())?;
    ensure!(
        cbpf_bpf::programs(&object)?.iter().any(|p| p.subject == Subject::Viewer),
        "no program describes the caller"
    );
    for mut map in object.maps_mut() {
        let keep = map.name() == "viewer";
        map.set_autocreate(keep)?;
    }
    for mut program in object.progs_mut() {
        let keep = program.name() == "describe_caller";
        program.set_autoload(keep);
        if keep {
            link(&mut program, &ids(types.as_ref())?)?;
        }
    }
    if let Some(token) = token {
        let lacks = token.allows.lacks(&needs(&object)).options();
        ensure!(lacks.is_empty(), "it lacks {}", lacks.join(" "));
    }
    COMPLAINTS.lock().map(|mut kept| kept.clear()).ok();
    let object = object.load().map_err(|e| anyhow::anyhow!("{}", complaint().unwrap_or_else(|| e.to_string())))?;
    let program = object.progs_mut().find(|p| p.name() == "describe_caller").context("not loaded")?;
    program.test_run(ProgramInput::default())?;
    let map = object.maps().find(|m| m.name() == "viewer").context("no map")?;
    let bytes = map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY)?.context("no answer")?;
    let mut info = viewer_info::default();
    plain::copy_from_bytes(&mut info, &bytes).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    Ok(info)
}

/// Names of the kernel's addresses, from the kernel itself: for who may know those, but not the addresses of all functions
/// (CAP_SYSLOG), and so cannot look them up in /proc/kallsyms. See `bpf/viewer.bpf.c`.
#[derive(Debug)]
pub struct KernelNames {
    object: libbpf_rs::Object,
}

/// Room for a name; as in `bpf/viewer.h`.
const VIEWER_NAME: usize = size_of::<kernel_names>() / (size_of::<kernel_stack>() / size_of::<u64>());

impl KernelNames {
    /// Loads the program that asks. Kernels before 5.15 refuse it.
    pub fn load(token: Option<&Token>) -> Result<Self> {
        let object = cbpf_bpf::object("viewer").context("no object for viewer")?;
        let types = kernel_types(object);
        let mut object = open(object, token, types.as_ref())?;
        for mut map in object.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            map.set_autocreate(["addresses", "names"].contains(&&*name) || name.ends_with(".rodata"))?;
        }
        for mut program in object.progs_mut() {
            let keep = program.name() == "name_addresses";
            program.set_autoload(keep);
            if keep {
                link(&mut program, &ids(types.as_ref())?)?;
            }
        }
        Ok(Self { object: object.load()? })
    }

    /// The functions that a stack returns to, innermost first; an empty name where the kernel has none.
    pub fn of(&self, stack: &[u64]) -> Result<Vec<String>> {
        let map = |name: &str| self.object.maps().find(|m| m.name() == name).context("no map");
        let (addresses, names) = (map("addresses")?, map("names")?);
        let zero = 0u32.to_ne_bytes();
        let mut bytes: Vec<u8> = stack.iter().flat_map(|address| address.to_ne_bytes()).collect();
        bytes.resize(addresses.value_size() as usize, 0);
        addresses.update(&zero, &bytes, MapFlags::ANY)?;
        let program = self.object.progs_mut().find(|p| p.name() == "name_addresses").context("not loaded")?;
        program.test_run(ProgramInput::default())?;
        let texts = names.lookup(&zero, MapFlags::ANY)?.context("no names")?;
        let name = |text: &[u8]| {
            let text = String::from_utf8_lossy(text.split(|b| *b == 0).next().unwrap_or_default()).into_owned();
            // An address without a name is printed as it is, and that is nobody's to see.
            text.split('+').next().filter(|name| !name.starts_with("0x")).unwrap_or_default().to_owned()
        };
        Ok(texts.chunks_exact(VIEWER_NAME).take(stack.len()).map(name).collect())
    }
}

/// Size of the counters of all CPUs, bytes.
pub fn counts_size() -> Result<usize> {
    Ok(possible_cpus()? as usize * size_of::<cbpf_counts>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_list_is_read_and_nonsense_is_not() {
        assert_eq!(cpu_list("0"), Some(vec![0]));
        assert_eq!(cpu_list("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(cpu_list("0-"), None);
    }
}
