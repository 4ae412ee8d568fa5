/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When a task began to wait for a CPU: at its wake-up, or when it was taken off the CPU while it still could run.
 *
 * The wait begins at sched_wakeup, when the task stands in a run queue, as with bcc. sched_waking comes earlier by the
 * interrupt that a wake-up on another CPU costs, but it can come while the task is still on its way to sleep: then
 * that switch would be taken for the end, or the start, of a wait. sched_wakeup and the switches of a task come in
 * order, so whoever waits has exactly one start. It is removed when the task gets a CPU, so tasks that exit leave none
 * behind; one whose owner changed while it waited is overwritten when it next waits.
 */
#ifndef CBPF_RUNQ_BPF_H
#define CBPF_RUNQ_BPF_H

/* Since when a task waits, by kernel tid. */
MAP(start, HASH, 10240, __u32, __u64);

static __always_inline void begin(owner_t o, struct task_struct *task)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 tid = task->pid;

	if (owned(o) && tid) /* a CPU's idle task waits for nothing */
		map_put(o, &start, &tid, &now);
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

/*
 * For a tool's program at sched_switch: `prev` may begin to wait, and `next` has waited for `ns`. False if there is no
 * such wait.
 */
static __always_inline bool waited(owner_t prev_owner, owner_t next_owner, bool preempt, struct task_struct *prev,
				   struct task_struct *next, __u64 *ns)
{
	__u64 *since, now = bpf_ktime_get_ns();
	__u32 tid = next->pid;

	if (!state_left_in(preempt, prev))
		begin(prev_owner, prev);

	since = map_get(next_owner, &start, &tid);
	if (!since)
		return false;
	*ns = now > *since ? now - *since : 0;
	map_del(next_owner, &start, &tid);
	return true;
}

#endif
