//! What a token must allow.

use anyhow::{Context as _, Result};
use cbpf_bpf::{Program, Subject};
use libbpf_rs::{AsRawLibbpf as _, OpenObject};

use super::object::open;
use super::sets;
use crate::token::Masks;
use crate::tracepoints;

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
