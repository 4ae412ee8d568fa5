// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * funclatency: how long calls of a function take, of the kernel or of a program: sets 1 to 3, or 4 and 5. A function
 * may call itself, so each thread has a stack of the calls that it is in, which are told apart by their place on the
 * real one. What is left otherwise than by a return (longjmp, exit) or goes on when the trace ends is no call here;
 * what is called too deep is one that is lost.
 */
#include "funclatency.h"
#include "hist.bpf.h"

/* Nanoseconds in a unit. */
const volatile __u32 unit;

static const struct funclatency_calls no_calls;

/* By kernel tid. */
MAP(calls, HASH, 10240, __u32, struct funclatency_calls);
REPORT(hists, HASH, 1, __u32, struct cbpf_hist);

/* The stack grows down, so calls further down than one that begins or ends have ended, without our being told. */
static __always_inline void unwind(struct funclatency_calls *in, __u64 frame)
{
	for (int i = 0; i < FUNCLATENCY_DEPTH; i++) {
		__u64 last = in->count - 1;

		if (!in->count || in->at[MASKED(last, FUNCLATENCY_DEPTH)].frame > frame)
			break;
		in->count = last;
	}
}

static __always_inline int begins(owner_t o, __u64 frame)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tid = bpf_get_current_pid_tgid();
	struct funclatency_calls *in;
	struct funclatency_call *call;

	/* What a thread does after it has been taken out of the map, among it the last switch, may never end. */
	if (BPF_CORE_READ(task, exit_state))
		return 0;
	in = map_get_or_zero(o, &calls, &tid, &no_calls);
	if (!in)
		return 0;
	unwind(in, frame);
	if (in->count >= FUNCLATENCY_DEPTH) {
		drop(o, CBPF_NESTED);
		return 0;
	}
	call = &in->at[MASKED(in->count, FUNCLATENCY_DEPTH)];
	in->count++;
	call->frame = frame;
	call->ts = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int ends(owner_t o, __u64 frame)
{
	__u64 now = bpf_ktime_get_ns(), last;
	__u32 tid = bpf_get_current_pid_tgid(), zero = 0;
	struct funclatency_calls *in = map_get(o, &calls, &tid);
	struct funclatency_call *call;

	if (!in)
		return 0;
	unwind(in, frame - 1);
	last = in->count - 1;
	call = &in->at[MASKED(last, FUNCLATENCY_DEPTH)];
	if (!in->count || !same_call(call->frame, frame))
		return 0;
	in->count = last;
	hist_add(o, &hists, &zero, (now - call->ts) / unit);
	return 0;
}

TRACE_NAMED("", FUNCTION_SETS, call_begins)
{
	return begins(o, frame);
}

TRACE_NAMED_END("", FUNCTION_SETS, call_ends)
{
	return ends(o, frame);
}

TRACE_CALL("set=4", "uprobe.multi", user_begins)
{
	return begins(o, PT_REGS_SP(ctx));
}

TRACE_RETURN("set=4", "uretprobe.multi", user_ends)
{
	return ends(o, RETURNED_FRAME(ctx));
}

/* Before 6.6 there is no uprobe.multi. */
TRACE_CALL("set=5", "uprobe", user_begins_old)
{
	return begins(o, PT_REGS_SP(ctx));
}

TRACE_RETURN("set=5", "uretprobe", user_ends_old)
{
	return ends(o, RETURNED_FRAME(ctx));
}

TRACE_TASK("", "tp_btf/sched_process_exit", thread_ends, (task), struct task_struct *task)
{
	__u32 tid = task->pid;

	map_del(o, &calls, &tid);
	return 0;
}
