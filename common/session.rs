//! What a tool's report sees: events, snapshots of maps, and counts. It does not know who loaded the programs.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cbpf_bpf::events::{cbpf_counts, cbpf_loss};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::mman::ProtFlags;
use plain::Plain;

use crate::client::Remote;
use crate::engine::{self, Loaded, Plan};
use crate::grant::Grant;
use crate::ring::{Mapping, Ring};
#[cfg(feature = "report")]
use crate::symbols::{self, Name, Symbols};

/// The pause between two looks at a ring whose reader was not told to wake up: the interval in which a CPU wakes it
/// at most once (`WAKE_NS`, bpf/include/emit.bpf.h).
const PAUSE: Duration = Duration::from_millis(5);
/// An event that nobody was woken for happened at most PAUSE after the last wake-up. So a reader that has looked on
/// for this long without finding anything may sleep until it is woken.
const QUIET: Duration = Duration::from_millis(12);

/// Whose process the programs belong to.
#[derive(Debug)]
enum Loader {
    This(Loaded),
    Daemon(Remote),
}

impl Loader {
    fn events(&self) -> Option<(BorrowedFd<'_>, u32)> {
        match self {
            Self::This(loaded) => loaded.events(),
            Self::Daemon(remote) => remote.events(),
        }
    }
}

/// A running trace.
#[derive(Debug)]
pub struct Session {
    loader: Loader,
    ring: Option<Ring>,
    counts: Mapping,
    cpus: usize,
    busy_until: Option<Instant>,
    #[cfg(feature = "report")]
    names: KernelNames,
}

/// The kernel's own word for its addresses, where /proc/kallsyms hides them: loaded when it is needed, if it can be.
#[cfg(feature = "report")]
#[derive(Debug)]
struct KernelNames {
    token: Option<crate::token::Token>,
    loaded: std::cell::OnceCell<Option<engine::KernelNames>>,
}

#[cfg(feature = "report")]
impl KernelNames {
    fn of(&self, stack: &[u64]) -> Option<Vec<String>> {
        let loaded = self.loaded.get_or_init(|| engine::KernelNames::load(self.token.as_ref()).ok()).as_ref()?;
        let names = loaded.of(stack).ok()?;
        let named = |name: String| if name.is_empty() { symbols::KERNEL.into() } else { name };
        Some(names.into_iter().map(named).collect())
    }
}

/// How often each thing happened, summed over the CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events of the scope that passed the tool's filters.
    pub matched: u64,
    /// Lost, by cause.
    pub dropped: Vec<(&'static str, u64)>,
    /// How often an event interrupted the program that was to see it, and so was not seen. Not only the scope's.
    pub missed: u64,
}

impl Counts {
    /// All losses together.
    pub fn lost(&self) -> u64 {
        self.dropped.iter().map(|(_, n)| n).sum()
    }
}

/// The causes of loss, as printed.
const CAUSES: [(cbpf_loss, &str); 4] = [
    (cbpf_loss::CBPF_RING_FULL, "ring full"),
    (cbpf_loss::CBPF_MAP_FULL, "map full"),
    (cbpf_loss::CBPF_NESTED, "nested"),
    (cbpf_loss::CBPF_RATE, "rate cap"),
];

/// Why [`Session::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There may be events.
    Events,
    /// The caller's descriptor of that index is ready.
    Other(usize),
    /// The time is up.
    Timeout,
    /// There will be no more events: [`Session::ended`] says why.
    Ended,
}

impl Session {
    /// Starts what the plan asks for, as the grant says: in this process or in the daemon.
    pub fn start(plan: &Plan, grant: &Grant, buffer: u32) -> Result<Self> {
        let loader = match &grant.daemon {
            Some(client) => Loader::Daemon(client.clone().start(plan, buffer)?),
            None => {
                let options = engine::Options { buffer, token: grant.token.as_ref(), memory: u64::MAX };
                Loader::This(engine::load(plan, &grant.owner, options)?)
            }
        };
        let ring = loader.events().map(|(fd, size)| Ring::new(fd, size)).transpose()?;
        let (fd, size) = match &loader {
            Loader::This(loaded) => (loaded.counts()?, engine::counts_size()?),
            Loader::Daemon(remote) => remote.counts(),
        };
        ensure!(size > 0 && size.is_multiple_of(size_of::<cbpf_counts>()), "counts of {size} bytes");
        let counts = Mapping::new(fd, size.next_multiple_of(4096), 0, ProtFlags::PROT_READ)?;
        Ok(Self {
            loader,
            ring,
            counts,
            cpus: size / size_of::<cbpf_counts>(),
            busy_until: None,
            #[cfg(feature = "report")]
            names: KernelNames { token: grant.token.clone(), loaded: Default::default() },
        })
    }

    /// Hands the events that wait to `each`, which says whether it wants more. Returns how many it got.
    pub fn drain(&mut self, each: impl FnMut(&[u8]) -> bool) -> usize {
        let Some(ring) = &mut self.ring else { return 0 };
        let read = ring.drain(usize::MAX, each);
        if read > 0 {
            self.busy_until = Some(Instant::now() + QUIET);
        }
        read
    }

    /// Sleeps until events may wait, one of `others` is ready, or `deadline` has come.
    ///
    /// # Errors
    /// What poll(2) returns, except for EINTR, which counts as events.
    pub fn wait(&mut self, others: &[PollFd<'_>], deadline: Option<Instant>) -> Result<Woken> {
        let now = Instant::now();
        let busy = self.busy_until.is_some_and(|until| now < until);
        let mut fds = others.to_vec();
        let daemon = match &self.loader {
            Loader::Daemon(remote) if remote.ended().is_some() => return Ok(Woken::Ended),
            Loader::Daemon(remote) => Some(remote),
            Loader::This(_) => None,
        };
        fds.extend(daemon.map(|remote| PollFd::new(remote.socket(), PollFlags::POLLIN)));
        let ours = fds.len();
        let left = deadline.map(|at| at.saturating_duration_since(now));
        let mut timeout = left;
        if busy {
            // Not on the ring: polling it while it fills returns at once, and a look every PAUSE is enough.
            let full = self.ring.as_ref().is_some_and(|ring| ring.fill() > 0.25);
            let pause = if full { Duration::ZERO } else { PAUSE };
            timeout = Some(left.map_or(pause, |left| left.min(pause)));
        } else if let Some((fd, _)) = self.loader.events() {
            if self.busy_until.take().is_some() {
                // A last wake-up may have come before we looked: woken, and not polling, is looking once more.
                return Ok(Woken::Events);
            }
            fds.push(PollFd::new(fd, PollFlags::POLLIN));
        }
        let timeout = match timeout {
            None => PollTimeout::NONE,
            // Up to the next millisecond, or the last one would be spent spinning.
            Some(t) => PollTimeout::try_from(t.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32)?,
        };
        match poll(&mut fds, timeout) {
            Err(nix::errno::Errno::EINTR) => return Ok(Woken::Events),
            Err(e) => return Err(e.into()),
            Ok(_) => {}
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|r| !r.is_empty());
        if let Some(index) = fds[..others.len()].iter().position(ready) {
            return Ok(Woken::Other(index));
        }
        if let Some(remote) = daemon.filter(|_| ready(&fds[others.len()])) {
            remote.hear();
            return Ok(Woken::Ended);
        }
        if fds.len() > ours && ready(&fds[ours]) {
            return Ok(Woken::Events);
        }
        let over = deadline.is_some_and(|at| Instant::now() >= at);
        Ok(if over { Woken::Timeout } else { Woken::Events })
    }

    /// Detaches the programs. What they sent and counted stays to be read.
    pub fn detach(&mut self) {
        match &mut self.loader {
            Loader::This(loaded) => loaded.detach(),
            Loader::Daemon(remote) => remote.detach(),
        }
    }

    /// The counts as they stand; exact once detached.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts {
            matched: 0,
            dropped: CAUSES.iter().map(|(_, name)| (*name, 0)).collect(),
            missed: match &self.loader {
                Loader::This(loaded) => loaded.missed(),
                Loader::Daemon(remote) => remote.missed(),
            },
        };
        for cpu in 0..self.cpus {
            // SAFETY: one struct for each possible CPU is mapped; the kernel writes whole words.
            let counts =
                unsafe { std::ptr::read_volatile(self.counts.pointer::<cbpf_counts>(cpu * size_of::<cbpf_counts>())) };
            sum.matched += counts.matched;
            for ((cause, _), (_, n)) in CAUSES.iter().zip(&mut sum.dropped) {
                *n += counts.dropped[cause.0 as usize];
            }
        }
        sum
    }

    /// Everything in a map of the tool, as `(key, value)`.
    pub fn snapshot<K: Plain + Copy + Default, V: Plain + Copy + Default>(&self, map: &str) -> Result<Vec<(K, V)>> {
        match &self.loader {
            Loader::This(loaded) => loaded.snapshot(map),
            Loader::Daemon(remote) => {
                let mut all = Vec::new();
                remote.read(map, (size_of::<K>(), size_of::<V>()), |key, value| {
                    all.push(engine::copy_entry(key, value)?);
                    Ok(())
                })?;
                Ok(all)
            }
        }
    }

    /// The addresses of a stack that a program stored under `id` in the stack map `map`, innermost first.
    pub fn stack(&self, map: &str, id: u32) -> Result<Vec<u64>> {
        let loaded = match &self.loader {
            Loader::This(loaded) => loaded,
            // Without the kernel's part: its addresses do not leave the daemon.
            Loader::Daemon(remote) => return Ok(remote.stack(map, id)?.0),
        };
        loaded.stack(map, id)
    }

    /// The names of a kernel stack in the map, innermost first; `None` where there is no such stack.
    #[cfg(feature = "report")]
    pub fn kernel_stack(&self, map: &str, id: u32, symbols: &Symbols) -> Result<Option<Vec<Name>>> {
        let names = match &self.loader {
            Loader::This(loaded) => {
                let stack = loaded.stack(map, id)?;
                let names = symbols.kernel(&stack);
                match &names[..] {
                    [only] if **only == *symbols::KERNEL => {
                        self.names.of(&stack).map_or(names, symbols::without_tracing)
                    }
                    _ => names,
                }
            }
            Loader::Daemon(remote) => symbols::without_tracing(remote.stack(map, id)?.1),
        };
        Ok(Some(names).filter(|names| !names.is_empty()))
    }

    /// Ends the period of the maxima in tallies, and returns its number: for [`max`](crate::delta::max), after a
    /// snapshot.
    pub fn next_period(&self) -> Result<u64> {
        match &self.loader {
            Loader::This(loaded) => loaded.next_period(),
            Loader::Daemon(remote) => remote.next_period(),
        }
    }

    /// Makes a process the ancestor of the traced family.
    pub fn adopt(&self, pid: u32) -> Result<()> {
        match &self.loader {
            Loader::This(loaded) => loaded.adopt(pid),
            Loader::Daemon(remote) => remote.adopt(pid),
        }
    }

    /// Number of the program set in use, and why earlier ones are not.
    pub fn set(&self) -> (u32, &[String]) {
        match &self.loader {
            Loader::This(loaded) => (loaded.set, &loaded.passed_over),
            Loader::Daemon(remote) => (remote.started().set, &remote.started().passed_over),
        }
    }

    /// The verifier's cost of each program, instructions.
    pub fn verified_insns(&self) -> Result<Vec<(String, u32)>> {
        match &self.loader {
            Loader::This(loaded) => loaded.verified_insns(),
            Loader::Daemon(remote) => Ok(remote.started().insns.clone()),
        }
    }

    /// Why the daemon ended the trace, if it did.
    pub fn ended(&self) -> Option<String> {
        match &self.loader {
            Loader::This(_) => None,
            Loader::Daemon(remote) => remote.ended(),
        }
    }

    /// Does the tool send events?
    pub fn has_ring(&self) -> bool {
        self.ring.is_some()
    }
}
