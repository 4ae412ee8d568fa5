// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * execsnoop: programs started. An exec that succeeds is seen when the kernel has done it, whichever call asked for
 * it (execve, execveat, fexecve): the arguments then lie in the new stack, where the kernel just wrote them, so they
 * can be read and are what the program gets. Of a script that is its interpreter with the script as an argument.
 * One that fails is seen at the end of the system call, whose registers still hold what was passed; arguments that
 * nobody has touched before the call may be unreadable there. A set-uid program does not run as its caller any more
 * and is not the caller's.
 */
#include "execsnoop.h"
#include "nr.bpf.h"
#include "syscall.bpf.h"

const volatile bool failures;
const volatile __u32 max_args;
const volatile char comm_part[CBPF_COMM_LEN];

#define FILE_MAX (4096 + 32) /* a path as the kernel takes it, behind /dev/fd/NUMBER/ */
#define TAIL_MAX (SCRATCH_SIZE / 2)
#define ARG_MAX (TAIL_MAX - 128) /* of one argument; from any place in the tail it stays in the scratch space */
#define ARGS_MAX 512             /* that max_args can ask for */

TRACE_TASK("", "tp_btf/sched_process_exec", exec_done, (task), struct task_struct *task, int old_pid,
	   struct linux_binprm *bprm)
{
	__u64 start = task->mm->arg_start, len = task->mm->arg_end - start, room;
	struct execsnoop_event *e;
	char *tail;
	long n;

	if (!comm_has(o, comm_part))
		return 0;
	e = scratch(o, struct execsnoop_event);
	if (!e)
		return 0;
	tail = (char *)(e + 1);
	e->ppid = owned_pid(task->real_parent);
	n = bpf_probe_read_kernel_str(tail, FILE_MAX, bprm->interp);
	if (n <= 0 || n > FILE_MAX) {
		e->head.flags |= CBPF_FAULT;
		n = 0;
	}
	e->file_len = n;
	room = TAIL_MAX - 1 - n;
	if (len > room) {
		e->head.flags |= CBPF_CUT;
		len = room;
	}
	if (bpf_probe_read_user(tail + MASKED(n, TAIL_MAX), MASKED(len, TAIL_MAX), (void *)start))
		e->head.flags |= CBPF_CUT;
	else
		e->args_len = len;
	emit_scratch(o, e, e->file_len + e->args_len);
	return 0;
}

static __always_inline bool is_exec(long nr, bool compat)
{
	switch (nr) {
	case NR32_execve:
	case NR32_execveat:
		return compat;
	case NR_execve:
	case NR_execveat:
	case NRX32_execve:
	case NRX32_execveat:
		return !compat;
	}
	return false;
}

TRACE_CURRENT_IF("when=failures", "tp_btf/sys_exit", exec_failed,
		 (ret < 0 && (is_exec(syscall_nr(regs), false) || is_exec(syscall_nr(regs), true))),
		 struct pt_regs *regs, long ret)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	long nr = syscall_nr(regs), n;
	bool compat = is_compat(), at;
	struct execsnoop_event *e;
	unsigned long argv, arg;
	volatile __u32 *len;
	__u64 width, end;
	char *tail;

	if (!is_exec(nr, compat) || !comm_has(o, comm_part))
		return 0;
	e = scratch(o, struct execsnoop_event);
	if (!e)
		return 0;
	tail = (char *)(e + 1);
	at = nr == NR_execveat || nr == NR32_execveat || nr == NRX32_execveat;
	/*
	 * What the loop goes by is kept in the record: read back from there it is any number to the verifier, which
	 * then finds that the rounds are all alike and follows one of them.
	 */
	e->ret = compat || nr >= 512 ? 4 : 8; /* size of a pointer; x32's are narrow too */
	width = *(volatile __s32 *)&e->ret & 12;
	e->ret = ret;
	e->ppid = owned_pid(BPF_CORE_READ(task, real_parent));
	n = bpf_probe_read_user_str(tail, FILE_MAX, (void *)syscall_arg(regs, at, compat));
	if (n <= 0 || n > FILE_MAX)
		e->head.flags |= CBPF_FAULT;
	else
		e->file_len = n;

	len = &e->args_len;
	*len = e->file_len;
	argv = syscall_arg(regs, at + 1, compat);
	for (int i = 0; argv && i <= ARGS_MAX; i++) {
		arg = 0;
		n = bpf_probe_read_user(&arg, width > sizeof(arg) ? sizeof(arg) : width, (void *)argv);
		if (!n && !arg)
			break;
		if (n || i >= max_args)
			n = 0;
		else
			n = bpf_probe_read_user_str(tail + (*len & (TAIL_MAX - 1)), ARG_MAX, (void *)arg);
		if (n > 0)
			*len += n;
		if (n <= 0 || n == ARG_MAX || *len >= TAIL_MAX) {
			e->head.flags |= CBPF_CUT;
			break;
		}
		argv += width;
	}
	end = *len;
	if (end > TAIL_MAX)
		end = TAIL_MAX;
	e->args_len = end - e->file_len;
	emit_scratch(o, e, end);
	return 0;
}
