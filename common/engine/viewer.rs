//! What the kernel is asked about the caller; see `bpf/viewer.bpf.c`.

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::Subject;
use cbpf_bpf::events::{kernel_names, kernel_stack, viewer_info};
use libbpf_rs::{MapCore as _, MapFlags, Object, ProgramInput};

use super::complaints::{self, complaint};
use super::needs;
use super::object::{ids, kernel_types, link, open};
use crate::token::Token;

/// Loads one of its programs, with the maps whose names end so.
fn load_viewer(token: Option<&Token>, program: &str, maps: &[&str]) -> Result<Object> {
    let object = cbpf_bpf::object("viewer").context("no object for viewer")?;
    let types = kernel_types(object);
    let mut object = open(object, token, types.as_ref())?;
    let viewers = cbpf_bpf::programs(&object)?.iter().any(|p| p.name == program && p.subject == Subject::Viewer);
    ensure!(viewers, "no program {program} for the caller");
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        map.set_autocreate(maps.iter().any(|end| name.ends_with(end)))?;
    }
    for mut each in object.progs_mut() {
        let keep = each.name() == program;
        each.set_autoload(keep);
        if keep {
            link(&mut each, &ids(types.as_ref())?)?;
        }
    }
    if let Some(token) = token {
        let lacks = token.allows.lacks(&needs(&object)).options();
        ensure!(lacks.is_empty(), "it lacks {}", lacks.join(" "));
    }
    complaints::forget();
    object.load().map_err(|e| anyhow::anyhow!("{}", complaint().unwrap_or_else(|| e.to_string())))
}

/// Asks the kernel what this process is.
pub fn describe_caller(token: Option<&Token>) -> Result<viewer_info> {
    let object = load_viewer(token, "describe_caller", &["viewer"])?;
    let program = object.progs_mut().find(|p| p.name() == "describe_caller").context("not loaded")?;
    program.test_run(ProgramInput::default())?;
    let map = object.maps().find(|m| m.name() == "viewer").context("no map")?;
    let bytes = map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY)?.context("no answer")?;
    let mut info = viewer_info::default();
    plain::copy_from_bytes(&mut info, &bytes).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    Ok(info)
}

/// Names of the kernel's addresses, from the kernel itself: for those who may know them, but not the addresses of all
/// functions (CAP_SYSLOG), and so cannot look them up in /proc/kallsyms.
#[derive(Debug)]
pub struct KernelNames {
    object: Object,
}

/// Room for a name; as in `bpf/viewer.h`.
const VIEWER_NAME: usize = size_of::<kernel_names>() / (size_of::<kernel_stack>() / size_of::<u64>());

impl KernelNames {
    /// Loads the program that asks. Kernels before 5.15 refuse it.
    pub fn load(token: Option<&Token>) -> Result<Self> {
        Ok(Self { object: load_viewer(token, "name_addresses", &["addresses", "names", ".rodata"])? })
    }

    /// The functions that a stack returns to, innermost first; an empty name where the kernel has none.
    pub fn of(&self, stack: &[u64]) -> Result<Vec<String>> {
        let map = |name: &str| self.object.maps().find(|m| m.name() == name).context("no map");
        let (addresses, names) = (map("addresses")?, map("names")?);
        let zero = 0u32.to_ne_bytes();
        let mut bytes: Vec<u8> = stack.iter().flat_map(|address| address.to_ne_bytes()).collect();
        bytes.resize(addresses.value_size() as usize, 0);
        addresses.update(&zero, &bytes, MapFlags::ANY)?;
        let program = self.object.progs_mut().find(|p| p.name() == "name_addresses").context("not loaded")?;
        program.test_run(ProgramInput::default())?;
        let texts = names.lookup(&zero, MapFlags::ANY)?.context("no names")?;
        let name = |text: &[u8]| {
            let text = String::from_utf8_lossy(text.split(|b| *b == 0).next().unwrap_or_default()).into_owned();
            // An address without a name is printed as it is, and that is nobody's to see.
            text.split('+').next().filter(|name| !name.starts_with("0x")).unwrap_or_default().to_owned()
        };
        Ok(texts.chunks_exact(VIEWER_NAME).take(stack.len()).map(name).collect())
    }
}
