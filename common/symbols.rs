//! Names of addresses: functions of the viewer's processes, and of the kernel where it says them. An address without a
//! name gets a placeholder; addresses themselves are never handed out.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use blazesym::helper::ElfResolver;
use blazesym::symbolize::source::{Kernel, Process, Source};
use blazesym::symbolize::{Input, ProcessMemberInfo, ProcessMemberType, Resolve, Symbolized, Symbolizer, cache};
use blazesym::{MaybeDefault, Pid};

/// A name; many frames share one.
pub type Name = Rc<str>;

/// What stands for an address of a process that has no name.
pub const UNKNOWN: &str = "[unknown]";
/// What stands for the kernel's part of a stack where the kernel does not tell names.
pub const KERNEL: &str = "[kernel]";

/// So many names are remembered before all are forgotten.
const REMEMBERED: usize = 1 << 16;

/// A program, as device and inode of its file.
type Exe = (u64, u64);

/// What a process runs; `None`: it has ended, or is not the viewer's.
fn exe_of(pid: u32) -> Option<Exe> {
    let file = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some((file.dev(), file.ino()))
}

/// What was run when a process was visited, when that was, and how often already.
#[derive(Clone, Copy, Debug)]
struct Visit {
    exe: Exe,
    at: Instant,
    times: u32,
}

/// What a process maps changes with exec, and little after its start.
const FRESH: Duration = Duration::from_secs(1);

/// Finds names, and remembers them.
#[derive(Debug, Default)]
pub struct Symbols {
    symbolizer: OnceCell<Symbolizer>,
    /// Processes whose memory maps are remembered.
    visited: RefCell<HashMap<u32, Visit>>,
    /// Those among them that see other mounts than we do.
    elsewhere: Rc<RefCell<HashSet<u32>>>,
    /// By process, by what it ran, which exec or another process of that pid changes, and by address.
    user: RefCell<HashMap<(u32, Exe, u64), Name>>,
    kernel: RefCell<HashMap<u64, Name>>,
}

impl Symbols {
    /// Remembers where a process, as its own `/proc` numbers it, has mapped what, so that its addresses have names even
    /// when it has ended. Cheap where that was done a moment ago.
    pub fn visit(&self, pid: u32) {
        self.look(pid, false);
    }

    /// Looks at the memory maps of a process. False: it has ended, or is not the viewer's.
    fn look(&self, pid: u32, anew: bool) -> bool {
        // One that has ended but is not yet forgotten has empty maps, which must not replace what is remembered.
        let Some(exe) = exe_of(pid) else { return false };
        let before = self.visited.borrow().get(&pid).filter(|v| v.exe == exe).copied();
        if !anew && before.is_some_and(|v| v.times > 1 && v.at.elapsed() < FRESH) {
            return true;
        }
        let mut process = cache::Process::new(Pid::from(pid));
        process.cache_perf_map = false;
        if self.symbolizer().cache(&process.into()).is_err() {
            return false;
        }
        let mounts = |process: &str| fs::metadata(format!("/proc/{process}/ns/mnt")).map(|m| m.ino()).ok();
        let mut elsewhere = self.elsewhere.borrow_mut();
        if mounts(&pid.to_string()) == mounts("self") {
            elsewhere.remove(&pid)
        } else {
            elsewhere.insert(pid)
        };
        let times = before.map_or(1, |v| v.times + 1);
        self.visited.borrow_mut().insert(pid, Visit { exe, at: Instant::now(), times });
        true
    }

    /// Names for a stack of a process, innermost frame first. `None`: the process has ended and was not visited before,
    /// or is not the viewer's to look at.
    pub fn stack(&self, pid: u32, addresses: &[u64]) -> Option<Vec<Name>> {
        // All but the innermost address are where a call returns to; the function is that of the call before it.
        let calls: Vec<u64> = addresses.iter().enumerate().map(|(n, a)| a.saturating_sub(u64::from(n > 0))).collect();
        self.process(pid, &calls)
    }

    /// The function that a return address belongs to.
    pub fn caller(&self, pid: u32, address: u64) -> Option<Name> {
        self.process(pid, &[address.saturating_sub(1)])?.pop()
    }

    fn process(&self, pid: u32, addresses: &[u64]) -> Option<Vec<Name>> {
        let exe = exe_of(pid).or_else(|| self.visited.borrow().get(&pid).map(|v| v.exe))?;
        let mut known = self.user.borrow_mut();
        if addresses.iter().any(|a| !known.contains_key(&(pid, exe, *a))) {
            if !self.look(pid, true) && !self.visited.borrow().contains_key(&pid) {
                return None;
            }
            // The files themselves (/proc/PID/map_files) are for those with CAP_CHECKPOINT_RESTORE, and gone with the process.
            let mut process = Process::new(Pid::from(pid));
            process.map_files = false;
            let find =
                |process: Process| self.symbolizer().symbolize(&Source::Process(process), Input::AbsAddr(addresses));
            let found = find(process.clone()).or_else(|_| {
                // These two are read from the process, which may have ended.
                (process.perf_map, process.vdso) = (false, false);
                find(process)
            });
            let found = found.ok()?;
            if known.len() > REMEMBERED {
                known.clear();
            }
            known.extend(addresses.iter().map(|a| (pid, exe, *a)).zip(found.iter().map(|s| name(s, UNKNOWN))));
        }
        let name = |a| known.get(&(pid, exe, a)).cloned().unwrap_or_else(|| UNKNOWN.into());
        Some(addresses.iter().copied().map(name).collect())
    }

    /// Names for a stack in the kernel, innermost frame first, without the frames of the tracing itself; or one
    /// [`KERNEL`] for all of it.
    pub fn kernel(&self, addresses: &[u64]) -> Vec<Name> {
        let mut known = self.kernel.borrow_mut();
        let calls: Vec<u64> = addresses.iter().map(|a| a.saturating_sub(1)).collect();
        if calls.iter().any(|a| !known.contains_key(a)) {
            let kernel = Kernel { vmlinux: MaybeDefault::None, debug_syms: false, ..Kernel::default() };
            // Where kallsyms hides the addresses, this fails.
            let found = self.symbolizer().symbolize(&Source::Kernel(kernel), Input::AbsAddr(&calls));
            let found = found.unwrap_or_default();
            known.extend(calls.iter().copied().zip(found.iter().map(|s| name(s, KERNEL))));
        }
        let names: Vec<Name> = calls.iter().filter_map(|a| known.get(a).cloned()).collect();
        if names.iter().all(|name| &**name == KERNEL) {
            return if addresses.is_empty() { Vec::new() } else { vec![KERNEL.into()] };
        }
        names.into_iter().skip_while(|name| is_tracing(name)).collect()
    }

    fn symbolizer(&self) -> &Symbolizer {
        self.symbolizer.get_or_init(|| {
            let elsewhere = self.elsewhere.clone();
            Symbolizer::builder()
                .enable_code_info(false)
                .enable_inlined_fns(false)
                .set_process_dispatcher(move |member| in_its_root(&member, &elsewhere.borrow()))
                .build()
        })
    }
}

fn name(found: &Symbolized<'_>, otherwise: &str) -> Name {
    found.as_sym().map_or(otherwise, |sym| &sym.name).into()
}

/// Names that the daemon knew for a stack in the kernel, as [`Symbols::kernel`] would give them.
pub fn without_tracing(names: Vec<String>) -> Vec<Name> {
    names.into_iter().map(|name| Name::from(&*name)).skip_while(|name| is_tracing(name)).collect()
}

/// The innermost frames of a stack that a program took: the program itself and what called it.
fn is_tracing(name: &str) -> bool {
    ["bpf_prog_", "bpf_trace_run", "bpf_trampoline_", "__bpf_trace_", "__traceiter_"]
        .iter()
        .any(|p| name.starts_with(p))
}

/// A mapped file of a process that sees other mounts than we do is looked up from that process's root directory.
fn in_its_root(member: &ProcessMemberInfo<'_>, elsewhere: &HashSet<u32>) -> blazesym::Result<Option<Box<dyn Resolve>>> {
    let ProcessMemberType::Path(path) = member.member_entry else { return Ok(None) };
    match process_of(&path.maps_file) {
        Some(pid) if elsewhere.contains(&pid) => {
            let inside = path.symbolic_path.strip_prefix("/").unwrap_or(&path.symbolic_path);
            let file = PathBuf::from(format!("/proc/{pid}/root")).join(inside);
            Ok(Some(Box::new(ElfResolver::open(file)?)))
        }
        _ => Ok(None),
    }
}

/// 7 from `/proc/7/map_files/…`.
fn process_of(map_file: &Path) -> Option<u32> {
    map_file.strip_prefix("/proc").ok()?.iter().next()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    extern "C" fn cbpf_symbols_here() -> u64 {
        std::hint::black_box(7)
    }

    #[test]
    fn a_function_of_this_process_has_its_name() {
        let symbols = Symbols::default();
        let at = cbpf_symbols_here as *const () as u64;
        let names = symbols.stack(std::process::id(), &[at, at + 1, 16]).unwrap();
        assert!(names[0].contains("cbpf_symbols_here"), "{names:?}");
        assert_eq!((&names[1], &*names[2]), (&names[0], UNKNOWN));
        assert_eq!(symbols.caller(std::process::id(), at + 1).as_deref(), Some(&*names[0]));
    }

    #[test]
    fn a_process_that_is_not_there_has_no_names() {
        assert_eq!(Symbols::default().stack(u32::MAX / 2, &[4096]), None);
    }

    #[test]
    fn a_process_that_was_visited_keeps_its_names_when_it_has_ended() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let symbols = Symbols::default();
        // Until it has become `sleep` and its libraries are there, it has no __libc_start_main.
        std::thread::sleep(Duration::from_millis(200));
        let maps = fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
        let code = maps.lines().find(|l| l.contains("r-xp") && l.contains("libc")).unwrap();
        let ends: Vec<u64> = code.split([' ', '-']).take(2).map(|a| u64::from_str_radix(a, 16).unwrap()).collect();
        symbols.visit(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        symbols.visit(child.id());
        let names = symbols.stack(child.id(), &[(ends[0] + ends[1]) / 2]).unwrap();
        assert_ne!(&*names[0], UNKNOWN);
    }

    #[test]
    fn names_are_of_the_program_that_is_run() {
        // Without randomized addresses `sleep` has code where `bash`, which tells the names of its functions, had its own.
        let script = "read -r; exec sleep 60";
        let mut bash = std::process::Command::new("setarch");
        let mut child = bash.args(["-R", "bash", "-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let (pid, stdin) = (child.id(), child.stdin.take());
        let code = |of: &str| {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
            let line = maps.lines().find(|l| l.contains("r-xp") && l.ends_with(of)).unwrap();
            u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap()
        };
        let addresses: Vec<u64> = (0..128).map(|n| code("/bash") + n * 64).collect();
        let symbols = Symbols::default();
        let before = symbols.stack(pid, &addresses).unwrap();
        assert!(before.iter().any(|name| &**name != UNKNOWN));
        drop(stdin);
        std::thread::sleep(Duration::from_millis(300));
        code("/sleep");
        let after = symbols.stack(pid, &addresses).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(after.iter().all(|name| &**name == UNKNOWN), "{after:?}");
    }

    #[test]
    fn kernel_frames_have_names_or_one_placeholder() {
        let names = Symbols::default().kernel(&[1, 2]);
        assert_eq!(names, [KERNEL.into()]);
        assert!(Symbols::default().kernel(&[]).is_empty());
        assert!(is_tracing("bpf_prog_7a_switched") && !is_tracing("schedule"));
    }

    #[test]
    fn the_process_of_a_mapped_file_is_found() {
        assert_eq!(process_of(Path::new("/proc/12/map_files/1-2")), Some(12));
        assert_eq!(process_of(Path::new("/usr/lib/libc.so")), None);
    }
}
