//! The one engine: opens a tool's object, writes its knobs and the ownership record, loads the first set of programs
//! that this kernel takes, and attaches it.

mod complaints;
mod loaded;
mod needs;
mod object;
mod perf;
mod plan;
mod viewer;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use cbpf_bpf::events::{cbpf_counts, cbpf_owner, cbpf_scope};
use cbpf_bpf::{Program, Subject};
use libbpf_rs::{MapType, OpenObject};

use crate::kernel_types::Ids;
use crate::token::{self, Token};
use crate::tracepoints;

pub(crate) use complaints::complain;
pub use complaints::listen;
pub use loaded::Loaded;
pub(crate) use loaded::copy_entry;
pub use needs::{lacks, needs, tool_needs};
pub use perf::counts_cache;
pub use plan::{Knob, MOST_KERNEL_FUNCTIONS, Plan, Rate, Sample, UserFunctions, is_function};
pub use viewer::{KernelNames, describe_caller};

use complaints::complaint;
use object::{ids, kernel_types, link, open};
use perf::is_uncounted;

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

/// A fault of the plan itself: another set would not fix it.
#[derive(Debug)]
struct BadPlan(String);
impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for BadPlan {}

/// More memory than [`Options::memory`].
#[derive(Debug)]
pub struct TooMuch(String);
impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for TooMuch {}

/// Loads and attaches the first set of the plan's programs that this kernel takes. A [`Refused`] in the error's
/// chain says that none was.
pub fn load(plan: &Plan, owner: &cbpf_owner, options: Options<'_>) -> Result<Loaded> {
    ensure!(owner.scope != cbpf_scope::CBPF_NOBODY.0, "the ownership record is empty");
    let tool = plan.object.name;
    let types = kernel_types(plan.object);
    let ids = ids(types.as_ref()).map_err(|e| Refused { tool, reasons: vec![format!("{e:#}")] })?;
    let object = open(plan.object, options.token, types.as_ref())?;
    let programs = cbpf_bpf::programs(&object)?;
    let attempt = Attempt { plan, owner, options, ids: &ids, programs: &programs };
    let mut reasons = Vec::new();
    let mut opened = Some(object);
    let chosen = |set: &u32| plan.only_sets.is_empty() || plan.only_sets.contains(set);
    for set in sets(&programs).into_iter().filter(chosen) {
        let object = opened.take().map_or_else(|| open(plan.object, options.token, types.as_ref()), Ok)?;
        match attempt.start(set, object) {
            Ok(mut loaded) => {
                loaded.passed_over = reasons;
                return Ok(loaded);
            }
            Err(e) if e.is::<BadPlan>() || e.is::<TooMuch>() => return Err(e),
            Err(e) => reasons.push(format!("{e:#}")),
        }
    }
    // What ails them all is said once.
    reasons.dedup();
    Err(Refused { tool, reasons }.into())
}

/// Loads each set of the plan's programs that this kernel takes, and attaches none: what the verifier makes of them. It
/// has libbpf look for types by itself, which tools do only where the types have a layout that is not known here.
pub fn verify(plan: &Plan, owner: &cbpf_owner, options: Options<'_>) -> Result<Vec<Loaded>> {
    let programs = cbpf_bpf::programs(&open(plan.object, options.token, None)?)?;
    let types = kernel_types(plan.object);
    let ids = ids(types.as_ref())?;
    let attempt = Attempt { plan, owner, options, ids: &ids, programs: &programs };
    let results = sets(&programs).into_iter().map(|set| attempt.load(set, open(plan.object, options.token, None)?));
    let (loaded, refused): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
    if loaded.is_empty() {
        let reasons = refused.into_iter().filter_map(Result::err).map(|e| format!("{e:#}")).collect();
        return Err(Refused { tool: plan.object.name, reasons }.into());
    }
    Ok(loaded.into_iter().flatten().map(|(loaded, _)| loaded).collect())
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

/// What the sets of a plan are tried with.
struct Attempt<'a> {
    plan: &'a Plan,
    owner: &'a cbpf_owner,
    options: Options<'a>,
    ids: &'a Ids,
    programs: &'a [Program],
}

impl<'a> Attempt<'a> {
    /// Loads the programs of one set that the plan asks for, and attaches them.
    fn start(&self, set: u32, object: OpenObject) -> Result<Loaded> {
        let plan = self.plan;
        let (mut loaded, wanted) = self.load(set, object)?;
        // The family's own programs last: a process is forgotten after the tool has seen it end. Before them what looks
        // at the past, so that nothing falls between that and the trace.
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

    /// Loads the programs of one set that the plan asks for.
    fn load(&self, set: u32, object: OpenObject) -> Result<(Loaded, Vec<&'a Program>)> {
        let result = self.load_once(self.ids, set, object);
        match &result {
            // Its types tell a variable that the kernel itself does not find: one without CONFIG_KALLSYMS_ALL.
            Err(e) if e.to_string().contains("failed to find the address for kernel symbol") => {
                let ids = Ids { variables: Default::default(), ..self.ids.clone() };
                self.load_once(&ids, set, open(self.plan.object, self.options.token, None)?)
            }
            _ => result,
        }
    }

    fn load_once(&self, ids: &Ids, set: u32, mut object: OpenObject) -> Result<(Loaded, Vec<&'a Program>)> {
        let Self { plan, owner, options, programs, .. } = *self;
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
            let lacks = token.allows.lacks(&needs(&object)).options();
            ensure!(lacks.is_empty(), "{} lacks {}", token::display(token), lacks.join(" "));
        }
        complaints::forget();
        let object = tracepoints::load(object, &ids.tracepoints).map_err(|e| match complaint() {
            Some(line) => anyhow::anyhow!("cannot load: {line}{}", load_hint(&wanted, &line)),
            None => anyhow::anyhow!("cannot load: {e}"),
        })?;

        Ok((Loaded::new(object, plan.events, set), wanted))
    }
}

/// Is a program in that section run where a function ends?
fn is_end(section: &str) -> bool {
    matches!(
        section.split('/').next(),
        Some("fexit" | "kretprobe" | "kretprobe.multi" | "uretprobe" | "uretprobe.multi")
    )
}

/// What would fix a failed attachment, where the errno does not say it.
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
    let mut memory = 0u64;
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
            let sizes = (map.key_size(), map.value_size());
            let takes = map_memory(map.map_type(), sizes, map.max_entries(), possible_cpus()?);
            memory = takes.saturating_add(memory);
        }
    }
    let most = options.memory;
    ensure!(
        memory <= most,
        TooMuch(format!(
            "it would take {} MiB for its maps and its ring, and {} are allowed (memory_mib of the policy); a smaller \
             --buffer takes less, and so does any other option that makes room",
            memory.div_ceil(1 << 20),
            most >> 20
        ))
    );
    Ok(memory)
}

/// What the kernel takes for a map whose entries are made beforehand, bytes (map_mem_usage() in kernel/bpf).
fn map_memory(kind: MapType, (key, value): (u32, u32), entries: u32, cpus: u32) -> u64 {
    // Those of a hash table and of a stack map; a bucket is a list and a lock.
    const ELEMENT: u128 = 48;
    const BUCKET: u128 = 16;
    // Wide enough for whatever is asked for.
    let round = |size: u32| u128::from(size).next_multiple_of(8);
    let (n, cpus) = (u128::from(entries), u128::from(cpus));
    let buckets = BUCKET * n.next_power_of_two();
    let memory = match kind {
        // One more for each CPU, to replace others by.
        MapType::Hash | MapType::LruHash => (ELEMENT + round(key) + round(value)) * (n + cpus) + buckets,
        MapType::PercpuHash | MapType::LruPercpuHash => {
            (ELEMENT + round(key) + 8 + round(value) * cpus) * (n + cpus) + buckets
        }
        MapType::PercpuArray => (8 + round(value) * cpus) * n,
        MapType::StackTrace => (ELEMENT + round(value)) * (n + cpus) + buckets,
        // Its pages are mapped twice, and two before them have the positions.
        MapType::RingBuf => n + n / 256 + 3 * 4096,
        _ => round(value) * n,
    };
    memory.try_into().unwrap_or(u64::MAX)
}

/// The number of CPUs there can be.
pub fn possible_cpus() -> Result<u32> {
    Ok(libbpf_rs::num_possible_cpus()?.try_into()?)
}

/// Size of the counters of all CPUs, bytes.
pub fn counts_size() -> Result<usize> {
    Ok(possible_cpus()? as usize * size_of::<cbpf_counts>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_takes_more_than_its_entries() {
        // As fdinfo had it: 470,799,376 bytes, of which these are the most.
        let start = map_memory(MapType::Hash, (4, 8), 5_259_072, 2);
        assert!((470_000_000..480_000_000).contains(&start), "{start}");
        assert_eq!(map_memory(MapType::PercpuArray, (4, 16_384), 1, 4), 65_544);
        assert!(map_memory(MapType::Hash, (u32::MAX, u32::MAX), u32::MAX, u32::MAX) > 1 << 40);
    }
}
