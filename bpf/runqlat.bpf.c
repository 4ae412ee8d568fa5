// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * runqlat: how long a task that could run waited for a CPU: from its wake-up, or from being taken off the CPU while
 * it still could run, until it is put on one.
 */
#include "hist.bpf.h"
#include "runq.bpf.h"

const volatile bool by_process;
const volatile bool by_thread;
const volatile bool by_pidns;
const volatile bool milliseconds;

REPORT(hists, HASH, 10240, __u32, struct cbpf_hist);

/* The innermost pid namespace of a task: the viewer's or one below it, as the task is the viewer's. */
static __always_inline __u32 pidns_of(struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	struct upid upid = {};

	if (!pid)
		return 0;
	bpf_probe_read_kernel(&upid, sizeof(upid),
			      (void *)__builtin_preserve_access_index(&pid->numbers[0]) +
				      pid->level * bpf_core_type_size(struct upid));
	return BPF_CORE_READ(upid.ns, ns.inum);
}

TRACE_SWITCH("", switched)
{
	__u32 key = 0;
	__u64 ns;

	if (!waited(prev_owner, next_owner, preempt, prev, next, &ns))
		return 0;
	if (by_process)
		key = next_owner.who.pid;
	else if (by_thread)
		key = next_owner.who.tid;
	else if (by_pidns)
		key = pidns_of(next);
	hist_add(next_owner, &hists, &key, ns / (milliseconds ? 1000000 : 1000));
	return 0;
}
