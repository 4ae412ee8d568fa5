// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * opensnoop: files opened by system calls, at the end of the call. Opens that io_uring does for a task are not
 * system calls and are not seen here.
 */
#include "opensnoop.h"
#include "syscall.bpf.h"
#include "path.bpf.h"

const volatile bool failed_only;
const volatile bool full_path;
const volatile bool with_callers;
const volatile char comm_part[CBPF_COMM_LEN];

#define AT_FDCWD -100
#define NAME_MAX_LEN 4096

enum call { NO_OPEN, OPEN, OPENAT, CREAT, OPENAT2, BY_HANDLE };

static __always_inline enum call which(long nr, bool compat)
{
	switch (nr) {
	case 2:
		return compat ? NO_OPEN : OPEN;
	case 5:
		return compat ? OPEN : NO_OPEN;
	case 8:
		return compat ? CREAT : NO_OPEN;
	case 85:
		return compat ? NO_OPEN : CREAT;
	case 257:
		return compat ? NO_OPEN : OPENAT;
	case 295:
		return compat ? OPENAT : NO_OPEN;
	case 304:
		return compat ? NO_OPEN : BY_HANDLE;
	case 342:
		return compat ? BY_HANDLE : NO_OPEN;
	case 437:
		return OPENAT2;
	}
	return NO_OPEN;
}

/* What most calls fail at: their number, on either entry. */
static __always_inline bool may_open(struct pt_regs *regs, long ret)
{
	long nr = syscall_nr(regs);

	if (failed_only && ret >= 0)
		return false;
	return which(nr, false) || which(nr, true);
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", exit_open, may_open(regs, ret), struct pt_regs *regs, long ret)
{
	bool compat = is_compat();
	enum call call = which(syscall_nr(regs), compat);
	struct opensnoop_event *e;
	struct task_struct *task;
	struct path from, root;
	int dirfd = AT_FDCWD;

	if (call == NO_OPEN || !comm_has(o, comm_part))
		return 0;
	e = scratch(o, struct opensnoop_event);
	if (!e)
		return 0;
	e->ret = ret;
	if (call == OPENAT || call == OPENAT2)
		dirfd = syscall_arg(regs, 0, compat);
	if (call == OPEN || call == OPENAT) {
		e->flags = syscall_arg(regs, call == OPEN ? 1 : 2, compat);
		e->mode = syscall_arg(regs, call == OPEN ? 2 : 3, compat);
	} else if (call == OPENAT2) {
		__u64 how[2] = {};

		bpf_probe_read_user(how, sizeof(how), (void *)syscall_arg(regs, 2, compat));
		e->flags = how[0];
		e->mode = how[1];
	} else if (call == CREAT) {
		e->flags = 01 | 0100 | 01000; /* what creat(2) stands for: O_WRONLY | O_CREAT | O_TRUNC */
		e->mode = syscall_arg(regs, 1, compat);
	} else {
		e->flags = syscall_arg(regs, 2, compat);
	}

	if (call != BY_HANDLE) {
		const void *name = (void *)syscall_arg(regs, call == OPENAT || call == OPENAT2, compat);

		e->name_len = read_string(&e->head, (char *)(e + 1), NAME_MAX_LEN, name) & (2 * NAME_MAX_LEN - 1);
	}
	if (with_callers) {
		__u64 ips[3] = {}; /* the first is the system call instruction itself */

		bpf_get_stack(ctx, ips, sizeof(ips), BPF_F_USER_STACK);
		e->callers[0] = ips[1];
		e->callers[1] = ips[2];
	}
	if (full_path) {
		task = (struct task_struct *)bpf_get_current_task();
		task_root(task, &root);
		if (ret >= 0            ? fd_path(task, ret, &from)
		    : dirfd == AT_FDCWD ? (task_cwd(task, &from), true)
					: fd_path(task, dirfd, &from))
			put_path((char *)(e + 1), e->name_len & (NAME_MAX_LEN * 2 - 1), &e->dir_len, &from, &root);
	}
	emit_scratch(o, e, e->name_len + e->dir_len);
	return 0;
}
