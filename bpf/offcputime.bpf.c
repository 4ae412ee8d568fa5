// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * offcputime: how long threads were off the CPU, and where they were when they left it. At sched_switch the leaving
 * thread is still current, so the stacks are its own. Its time includes the wait in the run queue after the wake-up; a
 * thread that was preempted waited for nothing else. One that ends while it is off, or still waits, is not counted.
 */
#include "offcputime.h"
#include "constants.bpf.h"
#include "hist.bpf.h"

const volatile bool user_threads_only;
const volatile bool kernel_threads_only;
const volatile bool has_state;
const volatile __u32 state;
const volatile __u64 min_us = 1;
const volatile __u64 max_us = -1;

REPORT(since, HASH, 10240, __u32, struct offcputime_start); /* by kernel tid */
MAP(stacks, STACK_TRACE, 16384, __u32, __u64[127]);
REPORT(totals, HASH, 10240, struct offcputime_key, struct cbpf_tally);

static __always_inline bool wanted(struct task_struct *task, bool preempt)
{
	bool kernel = task->flags & PF_KTHREAD;
	long now = state_left_in(preempt, task);

	if ((user_threads_only && kernel) || (kernel_threads_only && !kernel))
		return false;
	return !has_state || (state ? now & state : !now);
}

TRACE_SWITCH("", switched)
{
	__u32 out = prev->pid, in = next->pid;
	__u64 now = bpf_ktime_get_ns(), us;
	struct offcputime_key key = {};
	struct offcputime_start off = {}, *began;

	/* A CPU's idle task has the number 0 on every CPU, and off the CPU it does not wait. */
	if (owned(prev_owner) && out && !(task_state(prev) & TASK_DEAD) && wanted(prev, preempt)) {
		off.ts = now;
		off.pid = prev_owner.who.pid;
		off.user_stack = prev->flags & PF_KTHREAD ? -14 : stack_id(prev_owner, ctx, &stacks, BPF_F_USER_STACK);
		off.kernel_stack = stack_id(prev_owner, ctx, &stacks, 0);
		map_put(prev_owner, &since, &out, &off);
	}

	began = map_get(next_owner, &since, &in);
	if (!began)
		return 0;
	off = *began;
	map_del(next_owner, &since, &in);
	us = now > off.ts ? (now - off.ts) / 1000 : 0;
	if (us < min_us || us > max_us)
		return 0;
	key.pid = next_owner.who.pid;
	key.tid = next_owner.who.tid;
	key.user_stack = off.user_stack;
	key.kernel_stack = off.kernel_stack;
	tally_add(next_owner, &totals, &key, us);
	return 0;
}
