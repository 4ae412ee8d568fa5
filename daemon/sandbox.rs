//! What the daemon gives up once it listens: every capability that tracing does not need, new privileges, and the
//! system calls that it never makes.

use std::collections::BTreeMap;
use std::io;

use anyhow::{Context as _, Result, anyhow, ensure};
use cbpf_common::features::{self, has_value};
use cbpf_common::proc::Status;
use cbpf_common::proc::caps::{
    self, CAP_BPF, CAP_PERFMON, CAP_SETPCAP, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_RESOURCE, CAP_SYSLOG,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Gives up what is not needed, for this thread and all that it starts.
pub fn enter() -> Result<()> {
    let check = |ret: libc::c_int, what: &'static str| {
        if ret < 0 { Err(io::Error::last_os_error()).context(what) } else { Ok(()) }
    };
    // To load programs; to see which namespaces others' processes are in; to see kernel addresses, for names.
    let mut keep = vec![CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_SYSLOG];
    let btf = features::types()?;
    if !has_value(&btf, "bpf_attach_type", "BPF_TRACE_UPROBE_MULTI") {
        keep.push(CAP_SYS_ADMIN); // for uprobes by perf_event_open
    } else if paranoid() {
        keep.push(CAP_SYS_ADMIN); // for any perf event
    }
    if !has_value(&btf, "bpf_map_type", "BPF_MAP_TYPE_TASK_STORAGE") {
        keep.push(CAP_SYS_RESOURCE); // before 5.11 maps count against RLIMIT_MEMLOCK, and these maps came with it
    }
    let permitted = Status::of("self")?.permitted;
    let mask = keep.iter().fold(0u64, |mask, cap| mask | 1 << cap) & permitted;
    ensure!(caps::has(mask, CAP_BPF) && caps::has(mask, CAP_PERFMON), "cbpfd needs CAP_BPF and CAP_PERFMON");
    if caps::has(permitted, CAP_SETPCAP) {
        for cap in (0..64).filter(|cap| !caps::has(mask, *cap)) {
            // SAFETY: numbers only. The first capability that does not exist ends the list.
            if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, cap, 0, 0, 0) } < 0 {
                break;
            }
        }
    }
    // SAFETY: numbers only.
    let cleared = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    check(cleared, "ambient capabilities")?;
    let header: [u32; 2] = [0x2008_0522, 0];
    let (low, high) = (mask as u32, (mask >> 32) as u32);
    let data = [low, low, 0, high, high, 0];
    // SAFETY: header and data have the layout of capset(2), version 3.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) } as i32, "capset")?;
    // SAFETY: numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, "no_new_privs")?;
    seccompiler::apply_filter(&filter()?).map_err(|e| anyhow!("seccomp: {e}"))
}

/// Does the kernel ask for more than CAP_PERFMON for perf events? A patch that Debian and Ubuntu have.
fn paranoid() -> bool {
    let level = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    level.is_ok_and(|level| level.trim().parse().is_ok_and(|level: i32| level > 2))
}

/// What the daemon calls once it listens; anything else fails with EPERM. No exec, no fork, no mount, no ptrace, no
/// signals, no sockets but the one that it has.
const CALLS: &[libc::c_long] = &[
    // its work
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_ioctl,
    libc::SYS_accept4,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_pidfd_open,
    libc::SYS_getrandom,
    // files, to read
    libc::SYS_openat,
    libc::SYS_open,
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_lseek,
    libc::SYS_statx,
    libc::SYS_fstat,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_newfstatat,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_getdents64,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_access,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_memfd_create,
    libc::SYS_ftruncate,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    // memory and threads
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clone3,
    libc::SYS_clone,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_tid_address,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_geteuid,
    libc::SYS_getuid,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_uname,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_tgkill, // abort()
];

fn filter() -> Result<BpfProgram> {
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> = CALLS.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().map_err(|e| anyhow!("seccomp: {e}"))?;
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch).map_err(|e| anyhow!("seccomp: {e}"))?;
    filter.try_into().map_err(|e| anyhow!("seccomp: {e}"))
}
