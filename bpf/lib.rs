//! Everything of cbpf that runs in the kernel, as data: the compiled objects, the layouts of their events, and the
//! checks they pass. Nothing here loads anything; that is `cbpf_common::engine`.

mod check;
pub use check::{KERNEL_FUNCTIONS, Knob, Program, Subject, knobs, programs};

/// A compiled BPF object. There is one for each `bpf/NAME.bpf.c`.
#[derive(Debug)]
pub struct Object {
    /// The tool's name.
    pub name: &'static str,
    /// The ELF file.
    pub bytes: &'static [u8],
    /// Names of the kernel types that its relocations start from.
    pub types: &'static [&'static str],
}

impl Object {
    /// The knobs of its tool.
    pub fn knobs(&self) -> libbpf_rs::Result<Vec<Knob>> {
        knobs(&libbpf_rs::ObjectBuilder::default().open_memory(self.bytes)?)
    }
}

/// libelf reads an aligned image in place.
#[repr(C, align(8))]
struct Aligned<const N: usize>([u8; N]);

include!(concat!(env!("OUT_DIR"), "/objects.rs"));

/// The object of that name.
pub fn object(name: &str) -> Option<&'static Object> {
    OBJECTS.iter().find(|object| object.name == name)
}

/// Layouts shared with the C side, generated from `bpf/*.h`; the comments there say what the fields mean.
#[allow(missing_docs, non_camel_case_types, non_snake_case, clippy::all, clippy::pedantic, unused)]
pub mod events {
    include!(concat!(env!("OUT_DIR"), "/events.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kernel that mistreats token-loaded subprograms cannot meet in cbpf.
    #[test]
    fn no_program_has_a_subprogram_or_a_callback() {
        const BPF_CALL: u8 = 0x85;
        const BPF_LD_IMM64: u8 = 0x18;
        const PSEUDO_CALL: u8 = 1;
        const PSEUDO_FUNC: u8 = 4;
        for object in OBJECTS {
            let opened = libbpf_rs::ObjectBuilder::default().open_memory(object.bytes).unwrap();
            assert_eq!(programs(&opened).unwrap().len(), opened.progs().count(), "{}", object.name);
            for program in opened.progs() {
                assert!(!program.insns().is_empty());
                for insn in program.insns() {
                    let kind = (insn.code, insn.src_reg());
                    assert!(kind != (BPF_CALL, PSEUDO_CALL) && kind != (BPF_LD_IMM64, PSEUDO_FUNC), "{}", object.name);
                }
            }
        }
    }
}
