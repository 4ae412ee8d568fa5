// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * syscount: system calls that return, counted at their end by the registers that the kernel saved. So a call that
 * blocks counts when it is over, and exit(2) never does. Calls that seccomp refuses are counted, with the errno it
 * gave. What io_uring does for a task is no system call. The kernel itself makes every successful execveat an execve.
 */
#include "syscount.h"
#include "nr.bpf.h"
#include "syscall.bpf.h"
#include "hist.bpf.h"

const volatile bool latency;
const volatile bool failed_only;
const volatile __u32 only_errno;
const volatile bool by_process;
const volatile bool by_syscall;

#define EINTR 4
#define MAX_ERRNO 4095

struct started {
	__u64 ts;
	struct syscount_call call;
};

/* The call that a thread is in, by kernel tid. */
MAP(start, HASH, 10240, __u32, struct started);
REPORT(tallies, HASH, 10240, struct syscount_key, struct cbpf_tally);

static __always_inline struct syscount_call this_call(struct pt_regs *regs)
{
	return (struct syscount_call){ .nr = regs->orig_ax, .compat = is_compat() };
}

static __always_inline bool never_returns(struct syscount_call *call)
{
	return call->compat ? call->nr == NR32_exit || call->nr == NR32_exit_group
			    : call->nr == NR_exit || call->nr == NR_exit_group;
}

static __always_inline bool forks(struct syscount_call *call)
{
	if (call->nr == NR_clone3)
		return true;
	if (call->compat)
		return call->nr == NR32_fork || call->nr == NR32_clone || call->nr == NR32_vfork;
	return call->nr == NR_fork || call->nr == NR_clone || call->nr == NR_vfork;
}

static __always_inline bool wanted(long ret)
{
	/* Codes within the kernel: to be restarted, or EINTR if a signal handler says so. */
	if (ret <= -512 && ret >= -516)
		ret = -EINTR;
	if (only_errno)
		return ret == -(long)only_errno;
	return !failed_only || (ret < 0 && ret >= -MAX_ERRNO);
}

/* An execve that succeeds ends with the number that the new program has for it, whichever the old one called. */
static __always_inline bool ends(struct syscount_call *call, struct syscount_call *begun)
{
	return call->nr == (call->compat ? 11 : 59) || (call->nr == begun->nr && call->compat == begun->compat);
}

TRACE_CURRENT("when=latency", "tp_btf/sys_enter", call_begins, struct pt_regs *regs, long nr)
{
	struct started at = { .ts = bpf_ktime_get_ns(), .call = this_call(regs) };
	__u32 tid = bpf_get_current_pid_tgid();

	if (!never_returns(&at.call)) /* or it would stay in the map for ever */
		map_put(o, &start, &tid, &at);
	return 0;
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", call_ends, latency || wanted(ret), struct pt_regs *regs, long ret)
{
	struct syscount_call call = this_call(regs);
	bool nameless = call.nr == -1; /* behind a signal handler: the registers are those of what it interrupted */
	__u32 tid = bpf_get_current_pid_tgid();
	struct syscount_key key = {};
	struct started *at;
	__u64 took = 0;

	if (latency) {
		at = map_get(o, &start, &tid);
		if (at) { /* else it began before the trace, or seccomp refused it: counted, but not timed */
			/* Another call's: its end was not the owner's, that of an execve of a set-uid program. */
			if (nameless || ends(&call, &at->call)) {
				took = bpf_ktime_get_ns() - at->ts;
				call = at->call;
			}
			map_del(o, &start, &tid);
		}
	}
	/* The child returns from a fork as well, but did not call it. */
	if (!wanted(ret) || (!ret && forks(&call)))
		return 0;
	if (nameless) {
		if (failed_only || only_errno)
			return 0;
		call.nr = call.compat ? NR32_rt_sigreturn : NR_rt_sigreturn;
	}
	if (by_process)
		key.pid = o.who.pid;
	if (by_syscall)
		key.call = call;
	tally_add(o, &tallies, &key, took);
	return 0;
}
