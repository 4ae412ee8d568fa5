// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * runqslower: tasks that could run and waited long for a CPU; what a wait is stands in runq.bpf.h. The task that had
 * the CPU just before is not always to blame: it may have come after others, or from another CPU.
 */
#include "runqslower.h"
#include "runq.bpf.h"

const volatile __u64 min_ns;
const volatile bool with_prev;
const volatile char comm_prefix[CBPF_COMM_LEN];

static __always_inline bool named(struct task_struct *task)
{
	char comm[CBPF_COMM_LEN] = {};
	bool same = true;

	if (!comm_prefix[0])
		return true;
	bpf_probe_read_kernel_str(comm, sizeof(comm), task->comm);
	for (int i = 0; i < CBPF_COMM_LEN && comm_prefix[i]; i++)
		same &= comm[i] == comm_prefix[i];
	return same;
}

TRACE_SWITCH("", switched)
{
	struct runqslower_event e = {};
	struct cbpf_subject who = {};

	if (!waited(prev_owner, next_owner, preempt, prev, next, &e.ns) || e.ns < min_ns || !named(next))
		return 0;
	/* Whose events are wanted may be narrowed; who had the CPU is told if it is the viewer's at all. */
	if (with_prev && owned_thread(prev, &who)) {
		e.has_prev = 1;
		e.prev_tid = who.tid;
		__builtin_memcpy(e.prev_comm, who.comm, sizeof(e.prev_comm));
	}
	emit(next_owner, &e.head, sizeof(e));
	return 0;
}
