//! Objects before they are loaded: opened, and linked to what this kernel has.

use std::ffi::CString;
use std::ptr::{self, NonNull};

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::{KERNEL_FUNCTIONS, KERNEL_VARIABLES, Object};
use libbpf_rs::{AsRawLibbpf as _, OpenObject, OpenProgramMut};

use crate::kernel_types::{Ids, KernelTypes, ids_by_libbpf};
use crate::token::Token;
use crate::tracepoints;

/// What an object asks of the kernel's types, if they can be read.
pub(super) fn kernel_types(object: &Object) -> Option<KernelTypes> {
    KernelTypes::of(object.types, object.tracepoints).ok()
}

/// Opens an object. Every bpf() call that libbpf makes for it, its feature probes too, carries the token; without one
/// an empty path keeps libbpf from looking for a token on its own. Without `types` libbpf looks through all that the
/// kernel has, which takes its time.
pub(super) fn open(object: &Object, token: Option<&Token>, types: Option<&KernelTypes>) -> Result<OpenObject> {
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

pub(super) fn ids(types: Option<&KernelTypes>) -> Result<Ids> {
    types.map_or_else(ids_by_libbpf, |types| Ok(types.ids.clone()))
}

/// Puts calls of kernel functions, and variables, where a program has their numbers, and nothing where this kernel lacks
/// them.
pub(super) fn link(program: &mut OpenProgramMut<'_>, ids: &Ids) -> Result<()> {
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
