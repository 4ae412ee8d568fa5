// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mountsnoop: system calls that change what is mounted, at the end of the call, when the strings that it was passed
 * have been read by the kernel and so can be read here. Another thread may have changed them meanwhile. Whoever may
 * trace a task may read its memory, so what is passed to a file system (passwords, for some) is shown.
 */
#include "mountsnoop.h"
#include "syscall.bpf.h"

/* Measure how long the call takes. */
const volatile bool with_latency;

#define STRING_MAX 2048 /* four of them fit into a record */

#define FSCONFIG_SET_STRING 1
#define FSCONFIG_SET_PATH 3
#define FSCONFIG_SET_PATH_EMPTY 4

/* When a thread's call began, by kernel tid. */
MAP(begun, HASH, 1024, __u32, __u64);

static __always_inline enum mountsnoop_op which(long nr, bool compat)
{
	switch (nr) {
	case 165:
		return compat ? MOUNTSNOOP_NONE : MOUNTSNOOP_MOUNT;
	case 21:
		return compat ? MOUNTSNOOP_MOUNT : MOUNTSNOOP_NONE;
	case 166:
		return compat ? MOUNTSNOOP_NONE : MOUNTSNOOP_UMOUNT;
	case 22: /* as it was before it had flags */
	case 52:
		return compat ? MOUNTSNOOP_UMOUNT : MOUNTSNOOP_NONE;
	case 155:
		return compat ? MOUNTSNOOP_NONE : MOUNTSNOOP_PIVOT_ROOT;
	case 217:
		return compat ? MOUNTSNOOP_PIVOT_ROOT : MOUNTSNOOP_NONE;
	case 428:
		return MOUNTSNOOP_OPEN_TREE;
	case 429:
		return MOUNTSNOOP_MOVE_MOUNT;
	case 430:
		return MOUNTSNOOP_FSOPEN;
	case 431:
		return MOUNTSNOOP_FSCONFIG;
	case 432:
		return MOUNTSNOOP_FSMOUNT;
	case 433:
		return MOUNTSNOOP_FSPICK;
	case 442:
		return MOUNTSNOOP_MOUNT_SETATTR;
	}
	return MOUNTSNOOP_NONE;
}

/* Which of the arguments are strings, a bit for each. */
static __always_inline __u32 strings(struct mountsnoop_event *e)
{
	switch (e->op) {
	case MOUNTSNOOP_MOUNT:
		return 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4;
	case MOUNTSNOOP_UMOUNT:
	case MOUNTSNOOP_FSOPEN:
		return 1 << 0;
	case MOUNTSNOOP_FSCONFIG:
		switch (e->args[1]) {
		case FSCONFIG_SET_STRING:
		case FSCONFIG_SET_PATH:
		case FSCONFIG_SET_PATH_EMPTY:
			return 1 << 2 | 1 << 3;
		}
		return 1 << 2;
	case MOUNTSNOOP_MOVE_MOUNT:
		return 1 << 1 | 1 << 3;
	case MOUNTSNOOP_FSPICK:
	case MOUNTSNOOP_OPEN_TREE:
	case MOUNTSNOOP_MOUNT_SETATTR:
		return 1 << 1;
	case MOUNTSNOOP_PIVOT_ROOT:
		return 1 << 0 | 1 << 1;
	}
	return 0;
}

static __always_inline bool may_mount(struct pt_regs *regs)
{
	long nr = syscall_nr(regs);

	return which(nr, false) || which(nr, true);
}

TRACE_CURRENT_IF("when=with_latency", "tp_btf/sys_enter", call_begins, may_mount(regs), struct pt_regs *regs, long nr)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	if (which(syscall_nr(regs), is_compat()))
		map_put(o, &begun, &tid, &now);
	return 0;
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", call_ends, may_mount(regs), struct pt_regs *regs, long ret)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tid = bpf_get_current_pid_tgid();
	bool compat = is_compat();
	struct mountsnoop_event *e;
	__u64 *begin;
	__u32 are_strings;
	__u64 used = 0;

	if (!which(syscall_nr(regs), compat))
		return 0;
	e = scratch(o, struct mountsnoop_event);
	if (!e)
		return 0;
	if (with_latency) {
		begin = map_get(o, &begun, &tid);
		if (begin)
			e->took = bpf_ktime_get_ns() - *begin;
		map_del(o, &begun, &tid);
	}
	e->op = which(syscall_nr(regs), compat);
	e->ret = ret;
	e->mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	for (int i = 0; i < MOUNTSNOOP_ARGS; i++)
		e->args[i] = syscall_arg(regs, i, compat);
	if (e->op == MOUNTSNOOP_MOUNT_SETATTR)
		bpf_probe_read_user(e->attr, sizeof(e->attr), (void *)e->args[3]);
	are_strings = strings(e);
	for (int i = 0; i < MOUNTSNOOP_ARGS; i++) {
		const void *from = (void *)e->args[i];
		struct cbpf_head head = {};

		if (!(are_strings & 1 << i))
			continue;
		e->args[i] = from != 0;
		if (!from)
			continue;
		used = MASKED(used, 4 * STRING_MAX);
		e->lens[i] = read_string(&head, (char *)(e + 1) + used, STRING_MAX, from);
		e->flags[i] = head.flags;
		if (e->lens[i])
			e->lens[i]--;
		used += e->lens[i];
	}
	emit_scratch(o, e, used);
	return 0;
}
