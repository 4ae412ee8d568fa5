// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * opensnoop: files opened, at the end of the system call, or when the request is complete that a task gave to io_uring.
 */
#include "opensnoop.h"
#include "nr.bpf.h"
#include "syscall.bpf.h"
#include "path.bpf.h"
#include "uring.bpf.h"

const volatile bool failed_only;
const volatile bool full_path;
const volatile bool with_callers;
const volatile char comm_part[CBPF_COMM_LEN];

#define MAKES_A_FILE (0100 | 020000000) /* O_CREAT, and what is O_TMPFILE's alone */
#define O_LARGEFILE 0100000             /* which io_uring adds */

enum call { NO_OPEN, OPEN, OPENAT, CREAT, OPENAT2, BY_HANDLE };

static __always_inline enum call which(long nr, bool compat)
{
	switch (nr) {
	case NR_open:
		return compat ? NO_OPEN : OPEN;
	case NR32_open:
		return compat ? OPEN : NO_OPEN;
	case NR32_creat:
		return compat ? CREAT : NO_OPEN;
	case NR_creat:
		return compat ? NO_OPEN : CREAT;
	case NR_openat:
		return compat ? NO_OPEN : OPENAT;
	case NR32_openat:
		return compat ? OPENAT : NO_OPEN;
	case NR_open_by_handle_at:
		return compat ? NO_OPEN : BY_HANDLE;
	case NR32_open_by_handle_at:
		return compat ? BY_HANDLE : NO_OPEN;
	case NR_openat2:
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

/* The path of the opened file, or of where the name starts if that did not get a descriptor. */
#define put_opened(e, dirfd) put_walked(e, (e)->ret >= 0 && !((e)->head.flags & CBPF_SLOT) ? (e)->ret : (dirfd))

TRACE_CURRENT_IF("set=1,2,3", "tp_btf/sys_exit", exit_open, may_open(regs, ret), struct pt_regs *regs, long ret)
{
	bool compat = is_compat();
	enum call call = which(syscall_nr(regs), compat);
	struct opensnoop_event *e;
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
	if (!(e->flags & MAKES_A_FILE))
		e->mode = 0; /* whatever was passed means nothing */

	if (call != BY_HANDLE)
		put_name(e, (void *)syscall_arg(regs, call == OPENAT || call == OPENAT2, compat));
	if (with_callers) {
		__u64 ips[3] = {}; /* the first is the system call instruction itself */

		bpf_get_stack(ctx, ips, sizeof(ips), BPF_F_USER_STACK);
		e->callers[0] = ips[1];
		e->callers[1] = ips[2];
	}
	if (full_path)
		put_opened(e, dirfd);
	emit_walked(o, e);
	return 0;
}

static __always_inline bool is_open(struct io_kiocb *req)
{
	__u8 opcode = uring_opcode(req);

	return opcode == URING_OPENAT || opcode == URING_OPENAT2;
}

URING_SUBMITTED(uring_open, is_open)
{
	struct io_open *open = (void *)req;
	struct uring_call *call;

	if (!comm_has(o, comm_part))
		return 0;
	call = scratch(o, struct uring_call);
	if (!call)
		return 0;
	call->dirfd = BPF_CORE_READ(open, dfd);
	call->slot = BPF_CORE_READ(open, file_slot);
	call->flags = BPF_CORE_READ(open, how.flags) & ~O_LARGEFILE;
	call->mode = BPF_CORE_READ(open, how.mode);
	uring_note(call, uring_open_name(req));
	return record(o, &uring_calls, req, call) ? KEEP : 0;
}

URING_COMPLETED(uring_opened, is_open)
{
	struct uring_call *call = at;
	struct opensnoop_event *e;
	__s32 ret = uring_result(req);

	if (failed_only && ret >= 0)
		return 0;
	e = scratch(o, struct opensnoop_event);
	if (!e)
		return 0;
	e->ret = ret;
	e->flags = call->flags;
	e->mode = call->mode;
	if (call->slot)
		e->head.flags |= CBPF_SLOT;
	uring_put_name(e, call);
	if (full_path && uring_at_home(call))
		put_opened(e, call->dirfd);
	emit_walked(o, e);
	return 0;
}
