//! A tool's programs in the kernel.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, IntoRawFd as _, RawFd};

use anyhow::{Context as _, Result, ensure};
use cbpf_bpf::Program;
use libbpf_rs::btf::{Btf, ReferencesType as _, types};
use libbpf_rs::{AsRawLibbpf as _, Link, Map, MapCore as _, MapFlags, MapType, UprobeMultiOpts, UprobeOpts};
use plain::Plain;

use super::perf::{online_cpus, perf_event};
use super::plan::{Plan, functions_of};

/// A tool's programs, attached. Dropping it detaches them.
#[derive(Debug)]
pub struct Loaded {
    object: libbpf_rs::Object,
    links: Vec<Link>,
    events: bool,
    /// Number of the set that was taken.
    pub set: u32,
    /// Why earlier sets were not.
    pub passed_over: Vec<String>,
}

impl Loaded {
    pub(super) fn new(object: libbpf_rs::Object, events: bool, set: u32) -> Self {
        Self { object, links: Vec::new(), events, set, passed_over: Vec::new() }
    }

    /// Attaches one of its programs.
    pub(super) fn attach(&mut self, plan: &Plan, program: &Program) -> Result<()> {
        let prog =
            self.object.progs_mut().find(|p| p.name() == &*program.name).context("the program was not loaded")?;
        let mut links = Vec::new();
        match program.section.split('/').next().unwrap_or_default() {
            kind @ ("uprobe.multi" | "uretprobe.multi") => {
                for functions in &plan.functions {
                    let opts = UprobeMultiOpts {
                        offsets: functions.offsets.iter().map(|o| *o as _).collect(),
                        retprobe: kind == "uretprobe.multi",
                        ..Default::default()
                    };
                    links.push(prog.attach_uprobe_multi_with_opts(-1, functions.path(), "", opts)?);
                }
            }
            kind @ ("uprobe" | "uretprobe") => {
                for functions in &plan.functions {
                    for offset in &functions.offsets {
                        let opts = UprobeOpts { retprobe: kind == "uretprobe", ..Default::default() };
                        links.push(prog.attach_uprobe_with_opts(-1, functions.path(), *offset as usize, opts)?);
                    }
                }
            }
            "perf_event" => {
                let (_, sample) =
                    plan.samples.iter().find(|(of, _)| *of == program.name).context("no perf event asked for")?;
                for cpu in online_cpus()? {
                    let event = perf_event(*sample, cpu)?;
                    links.push(prog.attach_perf_event(event.as_raw_fd())?);
                    // From here on it is the link's, which closes it.
                    let _ = event.into_raw_fd();
                }
            }
            kind @ ("kprobe.multi" | "kretprobe.multi") => {
                let place = plan.place(program);
                let functions = functions_of(&place).collect();
                links.push(prog.attach_kprobe_multi(kind == "kretprobe.multi", functions)?);
            }
            kind @ ("kprobe" | "kretprobe") => {
                let place = plan.place(program);
                for function in functions_of(&place) {
                    links.push(prog.attach_kprobe(kind == "kretprobe", function)?);
                }
            }
            // It runs once, to its end.
            "iter" => {
                let mut run = libbpf_rs::Iter::new(&prog.attach()?)?;
                std::io::copy(&mut run, &mut std::io::sink())?;
                return Ok(());
            }
            "tp_btf" => links.push(prog.attach_trace()?),
            _ => links.push(prog.attach()?),
        }
        ensure!(!links.is_empty(), "nothing to attach to");
        self.links.extend(links);
        Ok(())
    }

    /// Detaches everything: from here on nothing is counted any more.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// The ring of events, where the plan has asked for one.
    pub fn events(&self) -> Option<(BorrowedFd<'_>, u32)> {
        // libbpf holds a descriptor even for a map that was not made.
        if !self.events {
            return None;
        }
        let map = self.map("events").ok()?;
        Some((map, self.find("events").ok()?.max_entries()))
    }

    /// The counters, an array of `cbpf_counts` by CPU that can be mapped.
    pub fn counts(&self) -> Result<BorrowedFd<'_>> {
        self.map("counts")
    }

    /// Forbids writing to the counters from user space, for whoever passes them on: they can then be mapped to be read only.
    pub fn freeze_counts(&self) -> Result<()> {
        // SAFETY: a descriptor of a map of ours.
        let ret = unsafe { libbpf_sys::bpf_map_freeze(self.counts()?.as_raw_fd()) };
        ensure!(ret == 0, "cannot freeze the counts: {}", std::io::Error::from_raw_os_error(-ret));
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Map<'_>> {
        self.object.maps().find(|m| m.name() == name).with_context(|| format!("no map {name}"))
    }

    fn map(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let map = self.find(name)?;
        // SAFETY: the descriptor belongs to the object, which the result borrows.
        Ok(unsafe { BorrowedFd::borrow_raw(map.as_fd().as_raw_fd()) })
    }

    /// Sizes of a map's keys and values, bytes.
    pub fn layout(&self, name: &str) -> Result<(usize, usize)> {
        let map = self.find(name)?;
        Ok((map.key_size() as usize, map.value_size() as usize))
    }

    /// Everything in a map that is for reports, in batches where the kernel can, as key and value.
    pub fn read(&self, name: &str, mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        ensure!(self.is_report(name)?, "map {name} is not for reports");
        let map = self.find(name)?;
        if map.map_type() == MapType::Hash {
            let batch = map
                .lookup_batch(1024, MapFlags::ANY, MapFlags::ANY)
                .map_err(|e| anyhow::anyhow!("cannot read map {name}: {e}"))?;
            for (key, value) in batch {
                each(&key, &value)?;
            }
            return Ok(());
        }
        for key in map.keys() {
            if let Some(value) = map.lookup(&key, MapFlags::ANY)? {
                each(&key, &value)?;
            }
        }
        Ok(())
    }

    /// Is it a map of the tool's that was made to be read, and so has no kernel address in it? REPORT in bpf/include/emit.bpf.h.
    fn is_report(&self, name: &str) -> Result<bool> {
        // SAFETY: the pointer is that of a live object.
        let btf = unsafe { Btf::from_bpf_object(self.object.as_libbpf_object().as_ref()) }?;
        let btf = btf.context("the object has no BTF")?;
        let mut tags =
            btf.type_by_kind::<types::DeclTag<'_>>().filter(|tag| tag.name().is_some_and(|t| t == "cbpf:report"));
        Ok(tags.any(|tag| {
            types::Var::try_from(tag.referenced_type()).is_ok_and(|var| var.name().is_some_and(|of| of == name))
        }))
    }

    /// Everything in a hash or array map. The sizes must be those of `K` and `V`.
    pub fn snapshot<K: Plain + Copy + Default, V: Plain + Copy + Default>(&self, name: &str) -> Result<Vec<(K, V)>> {
        ensure!(self.layout(name)? == (size_of::<K>(), size_of::<V>()), "map {name} has another layout in the object");
        let mut all = Vec::new();
        self.read(name, |key, value| {
            all.push(copy_entry(key, value)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The addresses of a stack that a program stored under `id`, innermost first; none where there is no such stack.
    pub fn stack(&self, name: &str, id: u32) -> Result<Vec<u64>> {
        let map = self.find(name)?;
        ensure!(map.map_type() == MapType::StackTrace, "map {name} has no stacks");
        let Some(bytes) = map.lookup(&id.to_ne_bytes(), MapFlags::ANY)? else { return Ok(Vec::new()) };
        let word = |b: &[u8]| b.try_into().map_or(0, u64::from_ne_bytes);
        Ok(bytes.chunks_exact(8).map(word).take_while(|a| *a != 0).collect())
    }

    /// Makes a process, as the viewer numbers it, the ancestor of the traced family.
    pub fn adopt(&self, pid: u32) -> Result<()> {
        let map = self.find("family").context("no family is traced")?;
        map.update(&pid.to_ne_bytes(), &[1], MapFlags::ANY).context("cannot trace the command")
    }

    /// Ends the period that maxima are kept for, and returns its number.
    pub fn next_period(&self) -> Result<u64> {
        let map = self.find("period").context("no maxima are kept")?;
        let zero = 0u32.to_ne_bytes();
        let now = map.lookup(&zero, MapFlags::ANY)?.and_then(|v| v.try_into().ok()).map_or(0, u64::from_ne_bytes);
        map.update(&zero, &(now + 1).to_ne_bytes(), MapFlags::ANY)?;
        Ok(now)
    }

    /// How often the kernel left a program out because it interrupted that same program on the same CPU
    /// (`recursion_misses`, 5.12; older kernels do not say).
    pub fn missed(&self) -> u64 {
        let fds = self.object.progs().map(|p| p.as_fd().as_raw_fd()).filter(|fd| *fd >= 0);
        fds.filter_map(|fd| Some(program_info(fd).ok()?.recursion_misses)).sum()
    }

    /// How many instructions the verifier looked at, for each loaded program: its cost.
    pub fn verified_insns(&self) -> Result<Vec<(String, u32)>> {
        self.object
            .progs()
            .filter(|p| p.as_fd().as_raw_fd() >= 0)
            .map(|p| {
                let info = program_info(p.as_fd().as_raw_fd())?;
                Ok((p.name().to_string_lossy().into_owned(), info.verified_insns))
            })
            .collect()
    }
}

/// A key and its value, typed.
pub(crate) fn copy_entry<K: Plain + Copy + Default, V: Plain + Copy + Default>(
    key: &[u8],
    value: &[u8],
) -> Result<(K, V)> {
    let (mut k, mut v) = (K::default(), V::default());
    plain::copy_from_bytes(&mut k, key).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    plain::copy_from_bytes(&mut v, value).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    Ok((k, v))
}

fn program_info(fd: RawFd) -> Result<libbpf_sys::bpf_prog_info> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut len = size_of_val(&info) as u32;
    // SAFETY: the kernel writes at most `len` bytes of `info`; the descriptor is a program's.
    let ret = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(fd, &mut info, &mut len) };
    ensure!(ret == 0, "cannot read a program's description: {}", std::io::Error::from_raw_os_error(-ret));
    Ok(info)
}
