// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cpudist: how long tasks ran each time that they had a CPU, however that ended: they slept, or others took their
 * turn. The other way round, how long they were off it: asleep, and waiting for a CPU. What had begun when the trace
 * did is not counted, nor what has not ended. An interrupt does not end a run.
 */
#include "cpudist.h"
#include "constants.bpf.h"
#include "hist.bpf.h"

const volatile bool off_cpu;

/*
 * What began: by CPU for runs, or a task that changes its owner while it runs would leave its start behind for good; by
 * kernel tid for the times off the CPU.
 */
MAP(start, HASH, 10240, __u32, struct cpudist_start);
REPORT(hists, HASH, 10240, __u32, struct cbpf_hist);

/* How often the task has left a CPU, counted by the kernel before the tracepoint. */
static __always_inline __u64 switches(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw;
}

static __always_inline void begin(owner_t o, __u32 key, struct task_struct *task, __u64 now)
{
	struct cpudist_start at = { .ts = now, .task = (__u64)task, .switches = switches(task) };

	map_put(o, &start, &key, &at);
}

/* Ends what began when the task had `since` switches; not one that another owner's switch came after. */
static __always_inline void end(owner_t o, __u32 key, struct task_struct *task, __u64 since, __u64 now)
{
	struct cpudist_start *at = map_get(o, &start, &key), began;

	if (!at)
		return;
	began = *at;
	map_del(o, &start, &key);
	if (began.task != (__u64)task || began.switches != since)
		return;
	key = signer(o);
	hist_add_ns(o, &hists, &key, now > began.ts ? now - began.ts : 0);
}

TRACE_SWITCH("", switched)
{
	__u32 out = prev->pid, in = next->pid, cpu = bpf_get_smp_processor_id();
	__u64 now = bpf_ktime_get_ns();

	/* The idle tasks, number 0 on every CPU, are no work. */
	if (off_cpu) {
		if (owned(prev_owner) && out && !(task_state(prev) & TASK_DEAD))
			begin(prev_owner, out, prev, now);
		if (owned(next_owner) && in)
			end(next_owner, in, next, switches(next), now);
	} else {
		if (owned(prev_owner) && out)
			end(prev_owner, cpu, prev, switches(prev) - 1, now);
		if (owned(next_owner) && in)
			begin(next_owner, cpu, next, now);
	}
	return 0;
}
