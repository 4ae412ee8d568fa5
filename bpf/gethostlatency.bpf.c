// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * gethostlatency: calls of the C library that look up a host. The name is read when the call returns, since only then
 * the library has surely touched it. One of the functions may call another (musl's gethostbyname does): what counts
 * is the call that the program made, the outer one. Programs that do not use this file of the C library (static ones,
 * Go, other containers') are not seen.
 */
#include "gethostlatency.h"

struct lookup {
	__u64 ts;
	__u64 sp; /* stack pointer on entry: tells the frames of a thread apart */
	__u64 name;
};

MAP(lookups, HASH, 10240, __u32, struct lookup);

TRACE_CALL("", USER_SETS, lookup_begins, const char *name)
{
	struct lookup new = { .ts = bpf_ktime_get_ns(), .sp = PT_REGS_SP(ctx), .name = (__u64)name };
	__u32 tid = bpf_get_current_pid_tgid();
	struct lookup *outer = map_get(o, &lookups, &tid);

	/* A frame that is not below the old one means that the old one was left without a return, by longjmp(). */
	if (outer && new.sp < outer->sp)
		return 0;
	map_put(o, &lookups, &tid, &new);
	return 0;
}

TRACE_RETURN("", USER_SETS, lookup_ends)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct lookup *lookup = map_get(o, &lookups, &tid);
	struct gethostlatency_event e = {};
	char last = 0;
	long n;

	if (!lookup || PT_REGS_SP(ctx) < lookup->sp)
		return 0;
	e.ns = bpf_ktime_get_ns() - lookup->ts;
	if (lookup->name) {
		e.named = 1;
		n = bpf_probe_read_user_str(e.host, sizeof(e.host), (void *)lookup->name);
		if (n < 0)
			e.head.flags |= CBPF_FAULT;
		else if (n == sizeof(e.host) &&
			 (bpf_probe_read_user(&last, 1, (void *)lookup->name + sizeof(e.host) - 1) || last))
			e.head.flags |= CBPF_CUT;
	}
	map_del(o, &lookups, &tid);
	emit(o, &e.head, sizeof(e));
	return 0;
}

/* A thread that ends inside a call returns from none; its tid will be another's. */
TRACE_TASK("", "tp_btf/sched_process_exit", thread_ends, (task), struct task_struct *task)
{
	__u32 tid = task->pid;

	map_del(o, &lookups, &tid);
	return 0;
}
