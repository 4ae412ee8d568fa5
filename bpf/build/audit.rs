//! What a tool's C and its object must be before they are built in: nothing in them gets around the ownership header.
//! The header itself refuses most (`cbpf.bpf.h` poisons the raw forms); this sees what a preprocessor cannot.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use libbpf_rs::btf::{Btf, BtfKind, BtfType, types};
use libbpf_rs::{AsRawLibbpf as _, MapType, ObjectBuilder, OpenObject, libbpf_sys as sys};
use object::{Object as _, ObjectSection as _, SectionKind};

use crate::check::{self, Program, Subject};

/// The headers that make and ask for proofs; they may do what tools may not.
const TRUSTED: &[&str] = &["cbpf.bpf.h", "raw.bpf.h", "owner.bpf.h", "emit.bpf.h", "entry.bpf.h", "vmlinux.h"];

/// Helpers that let something out: called by `raw.bpf.h` alone.
pub const LETTING_OUT: &[u32] = &[
    sys::BPF_FUNC_map_lookup_elem,
    sys::BPF_FUNC_map_update_elem,
    sys::BPF_FUNC_map_delete_elem,
    sys::BPF_FUNC_ringbuf_output,
    sys::BPF_FUNC_get_stackid,
    sys::BPF_FUNC_snprintf,
    sys::BPF_FUNC_tail_call,
];

/// Helpers that only look. One that is in neither list is refused: add it here if it changes nothing and sends
/// nothing, and if a kernel 5.10 has it or the program tests that it exists.
pub const LOOKING: &[u32] = &[
    sys::BPF_FUNC_ktime_get_ns,
    sys::BPF_FUNC_ktime_get_boot_ns,
    sys::BPF_FUNC_jiffies64,
    sys::BPF_FUNC_get_smp_processor_id,
    sys::BPF_FUNC_get_numa_node_id,
    sys::BPF_FUNC_get_current_pid_tgid,
    sys::BPF_FUNC_get_current_uid_gid,
    sys::BPF_FUNC_get_current_comm,
    sys::BPF_FUNC_get_current_cgroup_id,
    sys::BPF_FUNC_get_current_task,
    sys::BPF_FUNC_get_current_task_btf,
    sys::BPF_FUNC_task_pt_regs,
    sys::BPF_FUNC_probe_read_kernel,
    sys::BPF_FUNC_probe_read_kernel_str,
    sys::BPF_FUNC_probe_read_user,
    sys::BPF_FUNC_probe_read_user_str,
    sys::BPF_FUNC_get_stack,
    sys::BPF_FUNC_get_task_stack,
    sys::BPF_FUNC_get_func_ip,
    sys::BPF_FUNC_get_attach_cookie,
    sys::BPF_FUNC_get_func_arg,
    sys::BPF_FUNC_get_socket_cookie,
    sys::BPF_FUNC_per_cpu_ptr,
    sys::BPF_FUNC_this_cpu_ptr,
    sys::BPF_FUNC_perf_prog_read_value,
];

/// Kinds of programs whose result changes nothing in the kernel: the part of the section before the `/`.
const TRACING: &[&str] = &[
    "tp_btf",
    "raw_tp",
    "tp",
    "fentry",
    "fexit",
    "kprobe",
    "kretprobe",
    "kprobe.multi",
    "kretprobe.multi",
    "uprobe",
    "uretprobe",
    "uprobe.multi",
    "uretprobe.multi",
    "perf_event",
    "iter",
];

/// Where `current` is whoever happened to run, and so nobody's event is its: beginnings of a section.
const CURRENT_IS_NOBODY: &[&str] = &[
    "tp_btf/sched_switch",
    "tp_btf/sched_wak",
    "tp_btf/sched_migrate",
    "tp_btf/irq_",
    "tp_btf/softirq_",
    "tp_btf/tasklet_",
    "tp_btf/timer_",
    "tp_btf/hrtimer_",
    "tp_btf/block_rq_",
    "tp_btf/block_bio_complete",
    "tp_btf/napi_",
    "tp_btf/netif_",
    "tp_btf/net_dev_",
    "tp_btf/tcp_probe",
    "tp_btf/tcp_retransmit",
    "perf_event",
];

/// Programs at functions of the kernel: the part of the section before the `/`.
const AT_FUNCTIONS: &[&str] = &["fentry", "fexit", "kprobe", "kretprobe", "kprobe.multi", "kretprobe.multi"];

/// Functions of the kernel that a task calls for itself, so that what happens there is the current task's. Add one if
/// no interrupt and no other task calls it for somebody. (Interrupts try locks too: then it is one of the task that they
/// interrupted.)
const IN_OWN_CONTEXT: &[&str] = &[
    "down_read",
    "down_read_interruptible",
    "down_read_killable",
    "down_read_trylock",
    "down_write",
    "down_write_killable",
    "down_write_trylock",
    "filemap_fault",
    "filemap_map_pages",
    "folio_mark_accessed",
    "mark_buffer_dirty",
    "mark_page_accessed",
    "migrate_misplaced_page",
    "mutex_lock",
    "mutex_lock_interruptible",
    "mutex_lock_killable",
    "mutex_trylock",
    "mutex_unlock",
    "page_cache_ra_order",
    "page_cache_ra_unbounded",
    "security_inode_getattr",
    "security_inode_unlink",
    "up_read",
    "up_write",
];

/// Kinds of maps: bounded, and without a way of their own to forget an entry, which would be a loss nobody counts.
const MAPS: &[MapType] =
    &[MapType::Hash, MapType::PercpuHash, MapType::Array, MapType::PercpuArray, MapType::StackTrace];

/// Maps that may forget all the same (LRU_HASH), because they hold what may never be asked for: block.bpf.h,
/// filelife.bpf.c and klockstat.bpf.c say why.
const MAY_FORGET: &[&str] = &["bios", "births", "held"];

/// Map memory that one tool may ask for, bytes, the ring not counted, and per CPU for as many as a large machine has.
const MAX_MAP_MEMORY: u64 = 32 << 20;
const MANY_CPUS: u64 = 64;

/// Checks the text of a file in this directory. Directives that could switch off what the compiler checks, or change
/// what its messages and the line information say, are for the trusted headers.
pub fn source(name: &str, text: &str) -> Result<()> {
    if TRUSTED.contains(&name) {
        return Ok(());
    }
    let text = text.replace("\\\n", " ");
    for line in text.lines() {
        ensure!(!line.contains("_Pragma"), "{name}: _Pragma is not for tools: {line}");
        let Some(directive) = line.trim_start().strip_prefix('#') else { continue };
        let (word, rest) = directive.trim().split_once(char::is_whitespace).unwrap_or((directive.trim(), ""));
        match word {
            "define" | "if" | "ifdef" | "ifndef" | "elif" | "else" | "endif" => {}
            "include" => ensure!(
                rest.trim().starts_with('"') && !rest.contains('/'),
                "{name}: include headers of bpf/ only; libbpf's are there already: {line}"
            ),
            _ => bail!("{name}: #{word} is not for tools: {line}"),
        }
    }
    Ok(())
}

/// Checks an object file.
pub fn object(bytes: &[u8]) -> Result<()> {
    let open = ObjectBuilder::default().open_memory(bytes)?;
    let programs = check::programs(&open)?;
    programs.iter().try_for_each(place)?;
    // SAFETY: the pointer is that of a live object, borrowed for this call.
    let raw = unsafe { open.as_libbpf_object().as_ref() };
    let btf = Btf::from_bpf_object(raw)?.context("the object has no BTF")?;
    inlined(&btf, &programs)?;
    types_are_whole(&btf)?;
    code(bytes)?;
    maps(&open)
}

/// A program is of a kind that only watches, at a place where its subject can be had.
fn place(program: &Program) -> Result<()> {
    let Program { name, section, .. } = program;
    let (kind, at) = section.split_once('/').unwrap_or((section, ""));
    ensure!(TRACING.contains(&kind), "program {name}: {section} is not a kind of program that only traces");
    ensure!(
        program.subject != Subject::Current || !CURRENT_IS_NOBODY.iter().any(|hook| section.starts_with(hook)),
        "program {name}: at {section} the current task is whoever happened to run; name the event's own subject"
    );
    // At any function the entry has to see for itself who calls it.
    let named = at.is_empty() && program.subject == Subject::Caller;
    ensure!(
        !AT_FUNCTIONS.contains(&kind) || named || at.split(',').all(|function| IN_OWN_CONTEXT.contains(&function)),
        "program {name}: {at}() is not known to be called by the current task for itself"
    );
    Ok(())
}

/// There are no functions but programs.
fn inlined(btf: &Btf<'_>, programs: &[Program]) -> Result<()> {
    for function in btf.type_by_kind::<types::Func<'_>>() {
        let name = function.name().unwrap_or(OsStr::new("?")).to_string_lossy();
        ensure!(
            programs.iter().any(|p| p.name == *name),
            "{name}() is a subprogram, a callback or a kernel function; all code must be inlined"
        );
    }
    Ok(())
}

/// The kernel takes an object's types: or it has none to name a program's functions and places in the source with. It
/// refuses functions that are given something by value of which there is only the name.
fn types_are_whole(btf: &Btf<'_>) -> Result<()> {
    for function in btf.type_by_kind::<types::FuncProto<'_>>() {
        for param in function.iter() {
            let ty = btf.type_by_id::<BtfType<'_>>(param.ty).map(|ty| ty.skip_mods_and_typedefs());
            if let Some(ty) = ty.filter(|ty| ty.kind() == BtfKind::Fwd) {
                bail!("a function takes {:?} by value: list it in vmlinux.types", ty.name().unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// Every call is one of a known helper, and what lets something out is called where a proof was asked for.
fn code(bytes: &[u8]) -> Result<()> {
    let elf = object::File::parse(bytes)?;
    let lines = Lines::read(&elf)?;
    for section in elf.sections().filter(|s| s.kind() == SectionKind::Text) {
        let name = section.name()?;
        for (index, insn) in section.data()?.chunks_exact(8).enumerate() {
            let [code, registers, ..] = *insn else { continue };
            if code != (sys::BPF_JMP | sys::BPF_CALL) as u8 {
                continue;
            }
            let place = lines.at(name, index * 8);
            ensure!(
                registers >> 4 == 0,
                "{place}: a call of a subprogram or a kernel function; all code must be inlined"
            );
            let helper = insn.last_chunk().map_or(0, |imm| u32::from_le_bytes(*imm));
            let kernel_function = check::KERNEL_FUNCTIONS.iter().any(|(number, _)| *number as u32 == helper);
            if LETTING_OUT.contains(&helper) || kernel_function {
                let file = Path::new(place.file); // clang-14 has `bpf/bpf/include/raw.bpf.h`
                let raw = file.is_relative() && file.ends_with("bpf/include/raw.bpf.h");
                ensure!(raw, "{place}: helper {helper} is called without asking for a proof");
            } else {
                ensure!(LOOKING.contains(&helper), "{place}: helper {helper} is not one that programs may call");
            }
        }
    }
    Ok(())
}

/// Every map is bounded, and there is no memory beside the maps.
fn maps(open: &OpenObject) -> Result<()> {
    let mut memory = 0;
    for map in open.maps() {
        let (name, entries) = (map.name().to_string_lossy().into_owned(), u64::from(map.max_entries()));
        let section = name.rfind('.').map_or("", |at| &name[at..]);
        if map.map_type() == MapType::RingBuf && name == "events" {
            continue; // the engine sizes it
        }
        ensure!(
            ![".bss", ".data", ".kconfig"].contains(&section),
            "{name}: a global variable can be written without a proof; use a map, or make it const volatile"
        );
        let forgets = map.map_type() == MapType::LruHash && MAY_FORGET.contains(&&*name);
        ensure!(
            forgets || MAPS.contains(&map.map_type()),
            "map {name}: {:?} is not a kind of map that tools use",
            map.map_type()
        );
        ensure!(entries > 0, "map {name} has no bound");
        let cpus = if matches!(map.map_type(), MapType::PercpuHash | MapType::PercpuArray) { MANY_CPUS } else { 1 };
        memory += entries * (u64::from(map.key_size()) + u64::from(map.value_size()) * cpus);
    }
    ensure!(memory <= MAX_MAP_MEMORY, "maps of {memory} bytes; the bound is {MAX_MAP_MEMORY}");
    Ok(())
}

/// A place in the source.
struct Place<'a> {
    file: &'a str,
    line: u32,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The line information of `.BTF.ext` (Documentation/bpf/btf.rst): which instruction comes from where.
struct Lines<'a> {
    /// By section: offsets of instructions in bytes, ascending, and where the code from there on comes from.
    sections: HashMap<&'a str, Vec<(usize, Place<'a>)>>,
}

impl<'a> Lines<'a> {
    fn read(elf: &object::File<'a>) -> Result<Self> {
        let data = |name| elf.section_by_name(name).with_context(|| format!("no {name}"))?.data().context(name);
        let (btf, ext): (&[u8], &[u8]) = (data(".BTF")?, data(".BTF.ext")?);
        let strings = &btf[(word(btf, 4)? + word(btf, 16)?) as usize..];
        let string = |at: u32| -> Result<&'a str> {
            let text = strings.get(at as usize..).context("a name outside of the strings")?;
            Ok(std::str::from_utf8(text.split(|b| *b == 0).next().unwrap_or_default())?)
        };
        let begin = (word(ext, 4)? + word(ext, 16)?) as usize;
        let info = ext.get(begin..begin + word(ext, 20)? as usize).context("no line information")?;
        let size = word(info, 0)? as usize;
        let mut sections = HashMap::new();
        let mut at = 4;
        while at < info.len() {
            let (name, count) = (string(word(info, at)?)?, word(info, at + 4)? as usize);
            at += 8;
            let records = (0..count).map(|n| {
                let at = at + n * size;
                let place = Place { file: string(word(info, at + 4)?)?, line: word(info, at + 12)? >> 10 };
                Ok((word(info, at)? as usize, place))
            });
            sections.insert(name, records.collect::<Result<Vec<_>>>()?);
            at += count * size;
        }
        Ok(Self { sections })
    }

    /// Where the instruction at that offset comes from.
    fn at(&self, section: &str, offset: usize) -> &Place<'a> {
        const UNKNOWN: &Place<'_> = &Place { file: "?", line: 0 };
        let Some(lines) = self.sections.get(section) else { return UNKNOWN };
        let after = lines.partition_point(|(at, _)| *at <= offset);
        after.checked_sub(1).map_or(UNKNOWN, |last| &lines[last].1)
    }
}

fn word(data: &[u8], at: usize) -> Result<u32> {
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk()).context("the BTF is cut off")?;
    Ok(u32::from_le_bytes(*bytes))
}
