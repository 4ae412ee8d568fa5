/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The calls that a thread is in. A function may call itself, so each thread has a stack of them, which are told apart
 * by their place on the real one. What is left otherwise than by a return (longjmp, exit) or goes on when the trace
 * ends is no call here; what is called too deep is one that is lost. The tool says in CALL_DETAILS what else a call
 * has, and in CALL_DEPTH how deep they go, a power of two.
 */
#ifndef CBPF_CALLS_BPF_H
#define CBPF_CALLS_BPF_H

struct call {
	__u64 frame; /* its place on the stack */
	__u64 ts;
	CALL_DETAILS
};

/* The outermost first. */
struct calls {
	__u64 count;
	struct call at[CALL_DEPTH];
};

static const struct calls no_calls;

/* By kernel tid. */
MAP(calls, HASH, CALL_THREADS, __u32, struct calls);

/* The stack grows down, so calls further down than one that begins or ends have ended, without our being told. */
static __always_inline void unwind(struct calls *in, __u64 frame)
{
	for (int i = 0; i < CALL_DEPTH; i++) {
		__u64 last = in->count - 1;

		if (!in->count || in->at[MASKED(last, CALL_DEPTH)].frame > frame)
			break;
		in->count = last;
	}
}

/* The calls that the current thread is in at `frame`, where another begins; NULL if that is not to be recorded. */
static __always_inline struct calls *calls_before(owner_t o, __u64 frame)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tid = bpf_get_current_pid_tgid();
	struct calls *in;

	/* What a thread does after it has been taken out of the map, among it the last switch, may never end. */
	if (BPF_CORE_READ(task, exit_state))
		return 0;
	in = map_get_or_zero(o, &calls, &tid, &no_calls);
	if (in)
		unwind(in, frame);
	return in;
}

/* Adds one. It begins now, or a little later: the caller sets `ts`. */
static __always_inline struct call *call_begins(owner_t o, struct calls *in, __u64 frame)
{
	struct call *call;

	if (in->count >= CALL_DEPTH) {
		drop(o, CBPF_NESTED);
		return 0;
	}
	call = &in->at[MASKED(in->count, CALL_DEPTH)];
	in->count++;
	call->frame = frame;
	return call;
}

/* The call that ends at `frame`, which is none any more; NULL where its beginning was not seen. */
static __always_inline struct call *call_ends(owner_t o, __u64 frame)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct calls *in = map_get(o, &calls, &tid);
	struct call *call;
	__u64 last;

	if (!in)
		return 0;
	unwind(in, frame - 1);
	last = in->count - 1;
	call = &in->at[MASKED(last, CALL_DEPTH)];
	if (!in->count || !same_call(call->frame, frame))
		return 0;
	in->count = last;
	return call;
}

TRACE_TASK("", "tp_btf/sched_process_exit", thread_ends, (task), struct task_struct *task)
{
	__u32 tid = task->pid;

	map_del(o, &calls, &tid);
	return 0;
}

#endif
