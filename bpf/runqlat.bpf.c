// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * runqlat: how long a task that could run waited for a CPU: from its wake-up, or from being taken off the CPU while
 * it still could run, until it is put on one.
 */
#include "hist.bpf.h"
#include "runq.bpf.h"

const volatile bool by_pidns;

REPORT(hists, HASH, 10240, __u32, struct cbpf_hist);

/* The innermost pid namespace of a task: the viewer's or one below it, as the task is the viewer's. */
static __always_inline __u32 pidns_of(struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	struct upid upid;

	if (!pid)
		return 0;
	upid = upid_at(pid, pid->level);
	return BPF_CORE_READ(upid.ns, ns.inum);
}

TRACE_SWITCH("", switched)
{
	__u32 key;
	__u64 ns;

	if (!waited(prev_owner, next_owner, preempt, prev, next, &ns))
		return 0;
	key = by_pidns ? pidns_of(next) : signer(next_owner);
	hist_add_ns(next_owner, &hists, &key, ns);
	return 0;
}
