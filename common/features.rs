//! What `cbpf doctor` finds out about this process and this kernel, beside the grants.

use std::ffi::OsStr;
use std::fs;

use anyhow::{Context as _, Result};
use libbpf_rs::btf::{Btf, types};
use libbpf_sys as sys;

use crate::engine;
use crate::owner;
use crate::proc::Status;
use crate::token::Token;

/// Something that a kernel has or has not.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// Is it there?
    pub there: bool,
    /// What it is good for.
    pub use_: &'static str,
}

/// This process, in the words of /proc.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its capabilities, a bit for each.
    pub caps: u64,
    /// Is it under a seccomp profile?
    pub seccomp: bool,
    /// Is its user namespace the initial one?
    pub init_userns: bool,
    /// Is its pid namespace the initial one?
    pub init_pidns: bool,
}

impl Process {
    /// The calling one.
    pub fn current() -> Result<Self> {
        let status = Status::of("self")?;
        Ok(Self {
            caps: status.effective,
            seccomp: status.seccomp,
            init_userns: owner::in_init_userns()?,
            init_pidns: owner::in_init_pidns()?,
        })
    }
}

/// `uname -r`.
pub fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Settings that decide what is allowed, with their values; those that this kernel has.
pub fn settings() -> Vec<(&'static str, String)> {
    let read = |path: &str| Some(fs::read_to_string(path).ok()?.trim().to_owned());
    let locked = |text: String| Some(text.split_once('[')?.1.split_once(']')?.0.to_owned());
    [
        ("kernel.unprivileged_bpf_disabled", read("/proc/sys/kernel/unprivileged_bpf_disabled")),
        ("kernel.perf_event_paranoid", read("/proc/sys/kernel/perf_event_paranoid")),
        ("kernel.kptr_restrict", read("/proc/sys/kernel/kptr_restrict")),
        ("lockdown", read("/sys/kernel/security/lockdown").and_then(locked)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// The kernel's types; without them nothing works.
pub fn types() -> Result<Btf<'static>> {
    Btf::from_vmlinux().context("this kernel has no types (/sys/kernel/btf/vmlinux), which every tool needs")
}

/// Has one of the kernel's enumerations that value?
pub fn has_value(btf: &Btf<'_>, list: &str, value: &str) -> bool {
    let list = btf.type_by_name::<types::Enum<'_>>(list);
    list.is_some_and(|list| list.iter().any(|member| member.name == Some(OsStr::new(value))))
}

pub(crate) fn has_function(btf: &Btf<'_>, name: &str) -> bool {
    // By name the first type of any kind is found, and a struct may have a function's name.
    let named = |func: types::Func<'_>| func.name() == Some(OsStr::new(name));
    btf.type_by_name::<types::Func<'_>>(name).is_some() || btf.type_by_kind::<types::Func<'_>>().any(named)
}

/// What matters of the kernel. What its types say it has may still be forbidden: only trying tells, and the rows of the
/// tools do.
pub fn features(btf: &Btf<'_>) -> Vec<Feature> {
    let attach = |value: &str| has_value(btf, "bpf_attach_type", value);
    let feature = |name, there, use_| Feature { name, there, use_ };
    vec![
        feature("BPF tokens", has_value(btf, "bpf_cmd", "BPF_TOKEN_CREATE"), "the token grant; Linux 6.9"),
        feature("uprobe.multi", attach("BPF_TRACE_UPROBE_MULTI"), "user functions by a token; Linux 6.6"),
        feature("kprobes", has_function(btf, "register_kprobe"), "kernel functions, where nothing better is there"),
        feature(
            "kprobe.multi",
            attach("BPF_TRACE_KPROBE_MULTI") && has_function(btf, "register_fprobe_ips"),
            "many kernel functions at once; Linux 5.18",
        ),
        feature(
            "names of the kernel's addresses",
            has_function(btf, "bpf_snprintf"),
            "kernel stacks by a token; Linux 5.13",
        ),
        feature("hardware counters", engine::counts_cache(), "llcstat; virtual machines mostly have none"),
    ]
}

/// Is a program's hook in this kernel, by its section? `None`: its types do not tell.
pub fn has_hook(btf: &Btf<'_>, section: &str) -> Option<bool> {
    let (kind, target) = section.split_once('/').unwrap_or((section, ""));
    match kind {
        "tp_btf" => Some(btf.type_by_name::<types::Typedef<'_>>(&format!("btf_trace_{target}")).is_some()),
        "fentry" | "fexit" | "fmod_ret" => Some(has_function(btf, target)),
        "iter" => Some(has_function(btf, &format!("bpf_iter_{target}"))),
        "uprobe.multi" | "uretprobe.multi" => Some(has_value(btf, "bpf_attach_type", "BPF_TRACE_UPROBE_MULTI")),
        _ => None,
    }
}

/// How a kernel treats subprograms that were loaded by a token: from 6.9 on, until it was fixed in 7.2, it knew neither
/// their names nor their exception tables, so that a bad pointer in one of them is the end of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprograms {
    /// As it should.
    Sound,
    /// With the fault.
    Faulty,
    /// It could not be seen.
    Unknown,
}

/// Loads a program with a subprogram, neither of which does anything, and looks whether the kernel knows the name of the
/// latter. Harmless: the programs are never run.
pub fn subprograms(token: &Token) -> Subprograms {
    /// So many of the same name are nobody else's.
    const COPIES: usize = 13;
    let op = |code: u32, regs: u8, imm: i32| sys::bpf_insn {
        code: code as u8,
        _bitfield_align_1: [],
        _bitfield_1: sys::bpf_insn::new_bitfield_1(regs & 15, regs >> 4),
        off: 0,
        imm,
    };
    let exit = || op(sys::BPF_JMP | sys::BPF_EXIT, 0, 0);
    let program = [
        op(sys::BPF_JMP | sys::BPF_CALL, (sys::BPF_PSEUDO_CALL << 4) as u8, 1),
        exit(),
        // The constant sets it apart from other people's.
        op(sys::BPF_ALU64 | sys::BPF_MOV | sys::BPF_K, 0, 0x6362_7066),
        exit(),
    ];
    let before = names();
    let Ok(token) = token.open() else { return Subprograms::Unknown };
    let load = || {
        use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
        let opts = sys::bpf_prog_load_opts {
            sz: size_of::<sys::bpf_prog_load_opts>() as _,
            token_fd: token.as_raw_fd() as u32,
            prog_flags: sys::BPF_F_TOKEN_FD,
            ..Default::default()
        };
        // SAFETY: name, licence, instructions and options live through the call.
        let fd = unsafe {
            sys::bpf_prog_load(
                sys::BPF_PROG_TYPE_SOCKET_FILTER,
                c"cbpf_doctor".as_ptr(),
                c"GPL".as_ptr(),
                program.as_ptr(),
                program.len() as _,
                (&raw const opts).cast_mut(),
            )
        };
        // SAFETY: just returned, and nobody else's.
        (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
    };
    let loaded: Option<Vec<_>> = (0..COPIES).map(|_| load()).collect();
    if loaded.is_none() {
        return Subprograms::Unknown;
    }
    let after = names();
    verdict(&before, &after, COPIES)
}

/// The names of BPF programs that the kernel tells, with how often each is there.
fn names() -> std::collections::HashMap<String, usize> {
    let mut names = std::collections::HashMap::new();
    let text = fs::read("/proc/kallsyms").unwrap_or_default();
    for line in String::from_utf8_lossy(&text).lines() {
        if let Some(name) = line.split([' ', '\t']).nth(2).filter(|name| name.starts_with("bpf_prog_")) {
            *names.entry(name.to_owned()).or_default() += 1;
        }
    }
    names
}

fn verdict(
    before: &std::collections::HashMap<String, usize>,
    after: &std::collections::HashMap<String, usize>,
    copies: usize,
) -> Subprograms {
    // The kernel names a subprogram F where nothing else does, and the program itself by its tag or its name.
    let new = |subprogram: bool| {
        let grown = |(name, n): (&String, &usize)| {
            name.ends_with("_F") == subprogram && *n >= before.get(name).unwrap_or(&0) + copies
        };
        after.iter().any(grown)
    };
    match (new(false), new(true)) {
        (true, true) => Subprograms::Sound,
        (true, false) => Subprograms::Faulty,
        (false, _) => Subprograms::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_types_tell_its_hooks() {
        let btf = types().unwrap();
        assert_eq!(has_hook(&btf, "tp_btf/sys_exit"), Some(true));
        assert_eq!(has_hook(&btf, "tp_btf/no_such_event"), Some(false));
        assert_eq!(has_hook(&btf, "iter/task"), Some(true));
        assert_eq!(has_hook(&btf, "fentry/no_such_function"), Some(false));
        assert_eq!(has_hook(&btf, "perf_event"), None);
        assert!(features(&btf).iter().any(|f| f.name == "BPF tokens"));
    }

    #[test]
    fn a_subprogram_without_a_name_is_faulty() {
        let names = |n: &[(&str, usize)]| n.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        let before = names(&[("bpf_prog_0011_F", 3)]);
        let main = ("bpf_prog_22", 13);
        assert_eq!(verdict(&before, &names(&[main, ("bpf_prog_33_F", 13)]), 13), Subprograms::Sound);
        assert_eq!(verdict(&before, &names(&[main, ("bpf_prog_0011_F", 13)]), 13), Subprograms::Faulty);
        assert_eq!(verdict(&before, &before, 13), Subprograms::Unknown);
    }
}
