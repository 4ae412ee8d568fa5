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
