// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * statsnoop: system calls of the stat and statfs families, at their end. A relative name is completed by the directory
 * that it starts from, and a descriptor by its file, while the task still has them. A statx that io_uring does for a
 * task is seen when it is complete.
 */
#include "statsnoop.h"
#include "nr.bpf.h"
#include "syscall.bpf.h"
#include "path.bpf.h"
#include "uring.bpf.h"

const volatile bool failed_only;

#define AT_EMPTY_PATH 0x1000

enum call { NO_STAT, BY_NAME, BY_FD, FSTATAT, STATX };

static __always_inline enum call which(long nr, bool compat)
{
	switch (nr) {
	case NR_stat:
	case NR_lstat:
	case NR_statfs:
		return compat ? NO_STAT : BY_NAME;
	case NR_fstat:
	case NR_fstatfs:
		return compat ? NO_STAT : BY_FD;
	case NR_newfstatat:
		return compat ? NO_STAT : FSTATAT;
	case NR_statx:
		return compat ? NO_STAT : STATX;
	case NR32_oldstat:
	case NR32_oldlstat:
	case NR32_statfs:
	case NR32_stat:
	case NR32_lstat:
	case NR32_stat64:
	case NR32_lstat64:
	case NR32_statfs64:
		return compat ? BY_NAME : NO_STAT;
	case NR32_oldfstat:
	case NR32_fstatfs:
	case NR32_fstat:
	case NR32_fstat64:
	case NR32_fstatfs64:
		return compat ? BY_FD : NO_STAT;
	case NR32_fstatat64:
		return compat ? FSTATAT : NO_STAT;
	case NR32_statx:
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

TRACE_CURRENT_IF("set=1,2,3", "tp_btf/sys_exit", exit_stat, may_stat(regs, ret), struct pt_regs *regs, long ret)
{
	bool compat = is_compat(), whole = false;
	long nr = syscall_nr(regs);
	enum call call = which(nr, compat);
	struct statsnoop_event *e;
	const void *name = 0;
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
		put_name(e, name);
		if (!e->name_len || text[0] == '/' || (!text[0] && !whole))
			goto out;
	}
	put_walked(e, fd);
out:
	emit_walked(o, e);
	return 0;
}

static __always_inline bool is_statx(struct io_kiocb *req)
{
	return uring_opcode(req) == URING_STATX;
}

URING_SUBMITTED(uring_statx, is_statx)
{
	struct io_statx *statx = (void *)req;
	struct uring_call *call = scratch(o, struct uring_call);

	if (!call)
		return 0;
	call->dirfd = BPF_CORE_READ(statx, dfd);
	call->flags = BPF_CORE_READ(statx, flags);
	uring_note(call, uring_statx_name(req));
	return record(o, &uring_calls, req, call) ? KEEP : 0;
}

URING_COMPLETED(uring_statx_done, is_statx)
{
	struct uring_call *call = at;
	struct statsnoop_event *e;
	__s32 ret = uring_result(req);
	bool whole = call->flags & AT_EMPTY_PATH;
	char *text;

	if (failed_only && ret >= 0)
		return 0;
	e = scratch(o, struct statsnoop_event);
	if (!e)
		return 0;
	e->ret = ret;
	e->nr = NR_statx;
	text = (char *)(e + 1);
	uring_put_name(e, call);
	if (e->name_len && text[0] != '/' && (text[0] || whole) && uring_at_home(call))
		put_walked(e, call->dirfd);
	emit_walked(o, e);
	return 0;
}
