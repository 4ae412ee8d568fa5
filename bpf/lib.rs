//! Everything of cbpf that runs in the kernel, as data: the compiled objects, the layouts of their events, and the
//! checks they pass. Nothing here loads anything; that is `cbpf_common::engine`.

use std::ops::Deref;

use miniz_oxide::inflate::decompress_slice_iter_to_slice;

#[path = "build/check.rs"]
mod check;
pub use check::{KERNEL_FUNCTIONS, KERNEL_VARIABLES, Knob, Program, Subject, knobs, programs};

/// A compiled BPF object. There is one for each `bpf/NAME.bpf.c`.
#[derive(Debug)]
pub struct Object {
    /// The tool's name.
    pub name: &'static str,
    /// Size of the ELF file, bytes.
    size: usize,
    /// The ELF file, deflated.
    packed: &'static [u8],
    /// Names of the kernel types that its relocations start from.
    pub types: &'static [&'static str],
    /// Names of the tracepoints of its `tp_btf` programs.
    pub tracepoints: &'static [&'static str],
}

/// An ELF file in memory, aligned: libelf reads it in place.
#[derive(Debug)]
pub struct Image {
    words: Vec<u64>,
    size: usize,
}

impl Deref for Image {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: numbers have no padding.
        unsafe { &plain::as_bytes(&*self.words)[..self.size] }
    }
}

impl Object {
    /// The ELF file.
    ///
    /// # Errors
    /// There are none but of the build.
    pub fn image(&self) -> libbpf_rs::Result<Image> {
        let mut words = vec![0u64; self.size.div_ceil(size_of::<u64>())];
        // SAFETY: numbers have no padding, and any bytes are a value of them.
        let bytes = unsafe { plain::as_mut_bytes(&mut *words) };
        match decompress_slice_iter_to_slice(bytes, std::iter::once(self.packed), false, true) {
            Ok(size) if size == self.size => Ok(Image { words, size }),
            _ => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "a broken object").into()),
        }
    }

    /// The knobs of its tool.
    pub fn knobs(&self) -> libbpf_rs::Result<Vec<Knob>> {
        knobs(&libbpf_rs::ObjectBuilder::default().open_memory(&self.image()?)?)
    }
}

include!(concat!(env!("OUT_DIR"), "/objects.rs"));

/// The object of that name.
pub fn object(name: &str) -> Option<&'static Object> {
    OBJECTS.iter().find(|object| object.name == name)
}

/// Layouts shared with the C side, generated from `bpf/*.h`; the comments there say what the fields mean.
#[allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    clippy::all,
    clippy::pedantic,
    unused,
    reason = "names and layouts are C's"
)]
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
            let opened = libbpf_rs::ObjectBuilder::default().open_memory(&object.image().unwrap()).unwrap();
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
