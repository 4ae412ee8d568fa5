//! What an object says of itself: its programs, by their ownership tags, and its knobs. A program without a tag is
//! neither built nor loaded.

use std::ffi::OsStr;

use libbpf_rs::btf::types::DeclTag;
use libbpf_rs::btf::{Btf, types};
use libbpf_rs::{AsRawLibbpf as _, OpenObject, ReferencesType as _, Result};

/// Whose event a program reports: the entry macro that made it (`bpf/include/entry.bpf.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The current task, in process context.
    Current,
    /// The current task at a function that the user names, if it is the task itself that calls it.
    Caller,
    /// A task that an argument names.
    Task,
    /// The tasks that a context switch takes off and puts on.
    Switch,
    /// Whoever an earlier program recorded.
    Keyed,
    /// The task that an interrupt or a sample interrupted.
    Interrupted,
    /// Nobody: for scope `host` only.
    Host,
    /// Keeps the process tree of `-- COMMAND`.
    Family,
    /// Describes its caller, through a test run.
    Viewer,
}

/// A program of an object, as its tag describes it.
#[derive(Clone, Debug)]
pub struct Program {
    /// Name of the C function.
    pub name: String,
    /// Section, `tp_btf/sys_exit` say: its type and hook.
    pub section: String,
    /// Whose events it reports.
    pub subject: Subject,
    /// The alternative sets it belongs to; empty: all of them.
    pub sets: Vec<u32>,
    /// The knob without which it is not loaded.
    pub when: Option<String>,
    /// The knob with which it is not loaded.
    pub unless: Option<String>,
    /// Which of the functions it is put at that the user names.
    pub nth: usize,
}

/// Kernel functions that programs call, by the number that stands in an object in place of their address
/// (`bpf/include/raw.bpf.h`).
pub const KERNEL_FUNCTIONS: [(i32, &str); 2] =
    [(0x7cbf_0000, "bpf_preempt_disable"), (0x7cbf_0001, "bpf_preempt_enable")];

/// Variables of the kernel's that each CPU has its own of, by the number that stands in an object in place of their
/// address (`bpf/include/compat.bpf.h`).
pub const KERNEL_VARIABLES: [(u64, &str); 2] =
    [(0x7cbf_0000_0000_0000, "__preempt_count"), (0x7cbf_0001_0000_0000, "pcpu_hot")];

fn fault<T>(text: String) -> Result<T> {
    Err(libbpf_rs::Error::from(std::io::Error::new(std::io::ErrorKind::InvalidData, text)))
}

/// The programs of an opened object; an error names the first one without a valid tag.
pub fn programs(object: &OpenObject) -> Result<Vec<Program>> {
    // SAFETY: the pointer is that of a live object, borrowed for this call.
    let raw = unsafe { object.as_libbpf_object().as_ref() };
    let Some(btf) = Btf::from_bpf_object(raw)? else {
        return fault("the object has no BTF".into());
    };
    let tags: Vec<(String, String)> = btf
        .type_by_kind::<DeclTag<'_>>()
        .filter_map(|tag| {
            let of = tag.referenced_type();
            types::Func::try_from(of).ok()?;
            Some((text(of.name()), text(tag.name())))
        })
        .collect();
    object
        .progs()
        .map(|program| {
            let (name, section) = (text(Some(program.name())), text(Some(program.section())));
            let tag = tags.iter().filter(|(of, _)| *of == name).find_map(|(_, tag)| tag.strip_prefix("cbpf:"));
            match tag.and_then(|tag| parse(&name, &section, tag)) {
                Some(program) => Ok(program),
                None => fault(format!("program {name} in section {section} has no valid ownership tag")),
            }
        })
        .collect()
}

fn text(name: Option<&OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn parse(name: &str, section: &str, tag: &str) -> Option<Program> {
    let mut words = tag.split_whitespace();
    let subject = match words.next()? {
        "current" => Subject::Current,
        "caller" => Subject::Caller,
        "task" => Subject::Task,
        "switch" => Subject::Switch,
        "keyed" => Subject::Keyed,
        "interrupted" => Subject::Interrupted,
        "host" => Subject::Host,
        "family" => Subject::Family,
        "viewer" => Subject::Viewer,
        _ => return None,
    };
    let (name, section) = (name.into(), section.into());
    let mut program = Program { name, section, subject, sets: Vec::new(), when: None, unless: None, nth: 0 };
    for word in words {
        match word.split_once('=')? {
            ("set", list) => program.sets = list.split(',').map(|n| n.parse().ok()).collect::<Option<_>>()?,
            ("when", knob) => program.when = Some(knob.into()),
            ("unless", knob) => program.unless = Some(knob.into()),
            ("nth", n) => program.nth = n.parse().ok()?,
            _ => return None,
        }
    }
    Some(program)
}

/// A knob: a `const volatile` global of the tool, by name.
#[derive(Clone, Debug)]
pub struct Knob {
    /// Name of the C variable.
    pub name: String,
    /// Where it stands in `.rodata`, bytes.
    pub offset: usize,
    /// Its size, bytes.
    pub size: usize,
}

/// The knobs of an opened object, in the order they stand in.
pub fn knobs(object: &OpenObject) -> Result<Vec<Knob>> {
    // SAFETY: as in `programs`.
    let raw = unsafe { object.as_libbpf_object().as_ref() };
    let Some(btf) = Btf::from_bpf_object(raw)? else { return Ok(Vec::new()) };
    let Some(section) = btf.type_by_kind::<types::DataSec<'_>>().find(|s| s.name() == Some(OsStr::new(".rodata")))
    else {
        return Ok(Vec::new());
    };
    let mut knobs = Vec::new();
    for variable in section.iter() {
        let Some(var) = btf.type_by_id::<types::Var<'_>>(variable.ty) else { continue };
        knobs.push(Knob { name: text(var.name()), offset: variable.offset as usize, size: variable.size });
    }
    Ok(knobs)
}
