// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * runqlat: how long a task that could run waited for a CPU: from its wake-up, or from being taken off the CPU while
 * it still could run, until it is put on one.
 *
 * The wait begins at sched_wakeup, when the task stands in a run queue, as with bcc. sched_waking comes earlier by the
 * interrupt that a wake-up on another CPU costs, but it can come while the task is still on its way to sleep: then
 * that switch would be taken for the end, or the start, of a wait. sched_wakeup and the switches of a task come in order,
 * so whoever waits has exactly one start. It is removed when the task gets a CPU, so tasks that exit leave none
 * behind; one whose owner changed while it waited is overwritten when it next waits.
 */
#include "hist.bpf.h"

const volatile bool by_process;
const volatile bool by_thread;
const volatile bool by_pidns;
const volatile bool milliseconds;

/* Since when a task waits, by kernel tid. */
MAP(start, HASH, 10240, __u32, __u64);
MAP(hists, HASH, 10240, __u32, struct cbpf_hist);

static __always_inline void begin(owner_t o, struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = task->pid;

	if (owned(o) && tid)	/* a CPU's idle task waits for nothing */
		map_put(o, &start, &tid, &now);
}

/* The innermost pid namespace of a task: the viewer's or one below it, as the task is the viewer's. */
static __always_inline __u32 pidns_of(struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	struct upid upid = {};

	if (!pid)
		return 0;
	bpf_probe_read_kernel(&upid, sizeof(upid), (void *)__builtin_preserve_access_index(&pid->numbers[0]) +
			      pid->level * bpf_core_type_size(struct upid));
	return BPF_CORE_READ(upid.ns, ns.inum);
}

/* A task that is woken while it has a CPU does not wait. */
TRACE_TASK("", "tp_btf/sched_wakeup", woken, task, struct task_struct *task)
{
	if (!task_on_cpu(task))
		begin(o, task);
	return 0;
}

TRACE_TASK("", "tp_btf/sched_wakeup_new", born, task, struct task_struct *task)
{
	begin(o, task);
	return 0;
}

TRACE_SWITCH("", switched)
{
	__u64 *since, waited, now = bpf_ktime_get_ns();
	__u32 tid = next->pid, key = 0;

	/* Preempted on its way to sleep, it can still run, whatever its state says. */
	if (preempt || !task_state(prev))
		begin(prev_owner, prev);

	since = map_get(next_owner, &start, &tid);
	if (!since)
		return 0;
	waited = now > *since ? (now - *since) / (milliseconds ? 1000000 : 1000) : 0;
	map_del(next_owner, &start, &tid);
	if (by_process)
		key = next_owner.who.pid;
	else if (by_thread)
		key = next_owner.who.tid;
	else if (by_pidns)
		key = pidns_of(next);
	hist_add(next_owner, &hists, &key, waited);
	return 0;
}
