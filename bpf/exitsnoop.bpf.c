// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * exitsnoop: processes that end, or threads. A process ends with its last thread, which need not be its first one;
 * what is told of it is its first one's, which stays a zombie until then, and the code is the one its parent gets.
 * A thread that execve() ends takes the process along to the new program, so it is a thread's end only.
 */
#include "exitsnoop.h"

const volatile bool by_thread;
const volatile bool failed_only;

#define SIGNAL_GROUP_EXIT 4

/* 6.16, "exit: move and extend sched_process_exit() tracepoint": it tells whether this is the process's last thread. */
typedef void (*btf_trace_sched_process_exit___dead)(void *, struct task_struct *, bool);

struct exitsnoop_ended {
	struct cbpf_subject who;
};

/* First threads of processes that have ended, by address. Before 6.16 several threads may each find that none lives. */
MAP(ended, HASH, 10240, __u64, struct exitsnoop_ended);

static __always_inline bool process_ends(owner_t o, unsigned long long *ctx, struct task_struct *task)
{
	__u64 leader = (__u64)task->group_leader;
	struct exitsnoop_ended value = {};

	if (bpf_core_type_exists(btf_trace_sched_process_exit___dead))
		return (__u8)(__u64)CTX_ARG(ctx, 1);
	return !task->signal->live.counter && !map_get(o, &ended, &leader) && record(o, &ended, leader, &value);
}

/* A first thread is freed after all others have ended. */
TRACE_KEYED("", "tp_btf/sched_process_free", freed, ended, task, struct task_struct *task)
{
	return 0;
}

TRACE_TASK("", "tp_btf/sched_process_exit", exits, (by_thread ? task : task->group_leader), struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct exitsnoop_event e = {};

	if (by_thread) {
		e.code = task->exit_code;
		e.age = bpf_ktime_get_ns() - task->start_time;
	} else {
		e.code = task->signal->flags & SIGNAL_GROUP_EXIT ? task->signal->group_exit_code : leader->exit_code;
		e.age = bpf_ktime_get_ns() - leader->start_time;
	}
	if ((failed_only && !e.code) || (!by_thread && !process_ends(o, ctx, task)))
		return 0;
	e.ppid = owned_pid(task->real_parent);
	emit(o, &e.head, sizeof(e));
	return 0;
}
