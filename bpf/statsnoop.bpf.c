// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * statsnoop: system calls of the stat and statfs families, at their end. A relative name is completed by the directory
 * that it starts from, and a descriptor by its file, while the task still has them. What io_uring does for a task
 * (statx) is no system call and is not seen here.
 */
#include "statsnoop.h"
#include "syscall.bpf.h"
#include "path.bpf.h"

const volatile bool failed_only;

#define AT_FDCWD -100
#define AT_EMPTY_PATH 0x1000
#define NAME_MAX_LEN 4096

enum call { NO_STAT, BY_NAME, BY_FD, FSTATAT, STATX };

static __always_inline enum call which(long nr, bool compat)
{
	switch (nr) {
	case 4: /* stat, lstat, statfs */
	case 6:
	case 137:
		return compat ? NO_STAT : BY_NAME;
	case 5: /* fstat, fstatfs */
	case 138:
		return compat ? NO_STAT : BY_FD;
	case 262:
		return compat ? NO_STAT : FSTATAT;
	case 332:
		return compat ? NO_STAT : STATX;
	case 18: /* oldstat, oldlstat, statfs, stat, lstat, stat64, lstat64, statfs64 */
	case 84:
	case 99:
	case 106:
	case 107:
	case 195:
	case 196:
	case 268:
		return compat ? BY_NAME : NO_STAT;
	case 28: /* oldfstat, fstatfs, fstat, fstat64, fstatfs64 */
	case 100:
	case 108:
	case 197:
	case 269:
		return compat ? BY_FD : NO_STAT;
	case 300:
		return compat ? FSTATAT : NO_STAT;
	case 383:
		return compat ? STATX : NO_STAT;
	}
	return NO_STAT;
}

/* What most calls fail at: their number, on either entry. */
static __always_inline bool may_stat(struct pt_regs *regs, long ret)
{
	long nr = syscall_nr(regs);

	if (failed_only && ret >= 0)
		return false;
	return which(nr, false) || which(nr, true);
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", exit_stat, may_stat(regs, ret), struct pt_regs *regs, long ret)
{
	bool compat = is_compat(), whole = false;
	long nr = syscall_nr(regs);
	enum call call = which(nr, compat);
	struct statsnoop_event *e;
	struct task_struct *task;
	const void *name = 0;
	struct path from, root;
	int fd = AT_FDCWD;
	char *text;

	if (call == NO_STAT)
		return 0;
	e = scratch(o, struct statsnoop_event);
	if (!e)
		return 0;
	e->ret = ret;
	e->nr = nr;
	e->compat = compat;
	if (call == BY_NAME) {
		name = (void *)syscall_arg(regs, 0, compat);
	} else {
		fd = syscall_arg(regs, 0, compat);
		if (call == BY_FD)
			whole = true;
		else
			name = (void *)syscall_arg(regs, 1, compat);
		if (call == FSTATAT)
			whole = syscall_arg(regs, 3, compat) & AT_EMPTY_PATH;
		if (call == STATX)
			whole = syscall_arg(regs, 2, compat) & AT_EMPTY_PATH;
	}
	text = (char *)(e + 1);
	if (name || !whole) {
		e->name_len = read_string(&e->head, text, NAME_MAX_LEN, name) & (2 * NAME_MAX_LEN - 1);
		if (!e->name_len || text[0] == '/' || (!text[0] && !whole))
			goto out;
	}
	task = (struct task_struct *)bpf_get_current_task();
	task_root(task, &root);
	if (fd == AT_FDCWD)
		task_cwd(task, &from);
	else if (!fd_path(task, fd, &from))
		goto out;
	put_path(text, e->name_len & (NAME_MAX_LEN * 2 - 1), &e->dir_len, &from, &root);
out:
	emit_scratch(o, e, e->name_len + e->dir_len);
	return 0;
}
