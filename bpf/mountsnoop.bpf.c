// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * mountsnoop: system calls that change what is mounted, at the end of the call, when the strings that it was passed
 * have been read by the kernel and so can be read here. Another thread may have changed them meanwhile. Whoever may
 * trace a task may read its memory, so what is passed to a file system (passwords, for some) is shown.
 */
#include "mountsnoop.h"
#include "nr.bpf.h"
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
	case NR_mount:
		return compat ? MOUNTSNOOP_NONE : MOUNTSNOOP_MOUNT;
	case NR32_mount:
		return compat ? MOUNTSNOOP_MOUNT : MOUNTSNOOP_NONE;
	case NR_umount2:
		return compat ? MOUNTSNOOP_NONE : MOUNTSNOOP_UMOUNT;
	case NR32_umount: /* as it was before it had flags */
	case NR32_umount2:
		return compat ? MOUNTSNOOP_UMOUNT : MOUNTSNOOP_NONE;
	case NR_pivot_root:
		return compat ? MOUNTSNOOP_NONE : MOUNTSNOOP_PIVOT_ROOT;
	case NR32_pivot_root:
		return compat ? MOUNTSNOOP_PIVOT_ROOT : MOUNTSNOOP_NONE;
	case NR_open_tree:
		return MOUNTSNOOP_OPEN_TREE;
	case NR_move_mount:
		return MOUNTSNOOP_MOVE_MOUNT;
	case NR_fsopen:
		return MOUNTSNOOP_FSOPEN;
	case NR_fsconfig:
		return MOUNTSNOOP_FSCONFIG;
	case NR_fsmount:
		return MOUNTSNOOP_FSMOUNT;
	case NR_fspick:
		return MOUNTSNOOP_FSPICK;
	case NR_mount_setattr:
		return MOUNTSNOOP_MOUNT_SETATTR;
	case NR_open_tree_attr:
		return MOUNTSNOOP_OPEN_TREE_ATTR;
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
	case MOUNTSNOOP_OPEN_TREE_ATTR:
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
	if (e->op == MOUNTSNOOP_UMOUNT && syscall_nr(regs) == NR32_umount)
		e->args[1] = 0;
	if ((e->op == MOUNTSNOOP_MOUNT_SETATTR || e->op == MOUNTSNOOP_OPEN_TREE_ATTR) &&
	    bpf_probe_read_user(e->attr, sizeof(e->attr), (void *)e->args[3]))
		e->flags[3] = CBPF_FAULT;
	are_strings = strings(e);
	if (e->op == MOUNTSNOOP_FSCONFIG && !(are_strings & 1 << 3))
		e->flags[3] = CBPF_FAULT; /* a value that is no string, which is not read */
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
