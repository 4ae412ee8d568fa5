//! Programs at tracepoints with types, `tp_btf/NAME`. They are loaded for the id of a type of the kernel's, which libbpf
//! would look for itself: as soon as it sees a program of their kind it takes in all types of the kernel, five
//! milliseconds at each start. So to libbpf they are of another kind, and get their own and the id at the last moment;
//! [`kernel_types`](crate::kernel_types) has found it in passing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_long};
use std::sync::OnceLock;

use anyhow::{Result, ensure};
use libbpf_rs::{Object, OpenObject};
use libbpf_sys::{bpf_prog_load_opts, bpf_program};

const SECTION: &CStr = c"tp_btf+";
const PREFIX: &[u8] = b"tp_btf/";

/// What the type of a tracepoint is called, by the tracepoint's name.
pub(crate) const TYPE_PREFIX: &str = "btf_trace_";

/// Ids of types by the names of tracepoints.
pub(crate) type Ids = HashMap<&'static str, u32>;

thread_local! {
    /// Of the object that this thread loads.
    static KNOWN: RefCell<Ids> = RefCell::default();
}

/// Is that the section of such a program?
pub(crate) fn is_section(section: &[u8]) -> bool {
    section.starts_with(PREFIX)
}

/// Has such programs prepared here; before the first object is opened.
///
/// # Errors
/// Memory is short.
pub(crate) fn register() -> Result<()> {
    static DONE: OnceLock<c_int> = OnceLock::new();
    let done = *DONE.get_or_init(|| {
        let opts = libbpf_sys::libbpf_prog_handler_opts {
            sz: size_of::<libbpf_sys::libbpf_prog_handler_opts>() as _,
            prog_prepare_load_fn: Some(prepare),
            ..Default::default()
        };
        let (kind, attach) = (libbpf_sys::BPF_PROG_TYPE_RAW_TRACEPOINT, libbpf_sys::BPF_TRACE_RAW_TP);
        // SAFETY: libbpf copies the string and the options; this is the only registration, and no other thread is in
        // libbpf's list meanwhile, as each waits here first.
        unsafe { libbpf_sys::libbpf_register_prog_handler(SECTION.as_ptr(), kind, attach, &raw const opts) }
    });
    ensure!(done > 0, "libbpf cannot be told how to load programs: {}", std::io::Error::from_raw_os_error(-done));
    Ok(())
}

/// Loads an object; what is not in `known` is found by libbpf.
pub(crate) fn load(object: OpenObject, known: &Ids) -> libbpf_rs::Result<Object> {
    KNOWN.with_borrow_mut(|ids| ids.clone_from(known));
    object.load()
}

/// Called by libbpf right before it loads a program.
unsafe extern "C" fn prepare(program: *mut bpf_program, opts: *mut bpf_prog_load_opts, _: c_long) -> c_int {
    // SAFETY: libbpf passes a program, whose section has a name, that ends where the section's does.
    let section = unsafe { CStr::from_ptr(libbpf_sys::bpf_program__section_name(program)) };
    let name = &section[PREFIX.len().min(section.count_bytes())..];
    let known = name.to_str().ok().and_then(|name| KNOWN.with_borrow(|ids| ids.get(name).copied()));
    let id = known.map_or_else(
        // SAFETY: a C string.
        || unsafe { libbpf_sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), libbpf_sys::BPF_TRACE_RAW_TP) },
        |id| id as c_int,
    );
    if id <= 0 {
        crate::engine::complain(format!("this kernel has no tracepoint {}", name.to_string_lossy()));
        return -libc::ESRCH;
    }
    // SAFETY: libbpf passes options to be changed, and the program's object is not loaded yet.
    unsafe {
        (*opts).attach_btf_id = id as u32;
        libbpf_sys::bpf_program__set_type(program, libbpf_sys::BPF_PROG_TYPE_TRACING)
    }
}
