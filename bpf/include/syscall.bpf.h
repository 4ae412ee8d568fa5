/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * System calls by their exit alone: the saved registers still hold the number and the arguments, the result is
 * there, and the strings that the kernel read have been faulted in. Not for exec, whose registers are new.
 */
#ifndef CBPF_SYSCALL_BPF_H
#define CBPF_SYSCALL_BPF_H

#define TS_COMPAT 2 /* thread_info.status: this call came through the 32-bit entry */
#define X32_SYSCALL_BIT 0x40000000

/* A 32-bit program counts its calls differently: without this test its write() would pass for an open(). */
static __always_inline bool is_compat(void)
{
	struct task_struct *task;

	if (HAVE_CURRENT_BTF)
		return bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

static __always_inline long syscall_nr(struct pt_regs *regs)
{
	return (long)regs->orig_ax & ~(long)X32_SYSCALL_BIT;
}

/* Argument `n`, counted from 0, of the call that `regs` belongs to. */
static __always_inline unsigned long syscall_arg(struct pt_regs *regs, int n, bool compat)
{
	switch (n) {
	case 0:
		return compat ? (__u32)regs->bx : regs->di;
	case 1:
		return compat ? (__u32)regs->cx : regs->si;
	case 2:
		return compat ? (__u32)regs->dx : regs->dx;
	case 3:
		return compat ? (__u32)regs->si : regs->r10;
	case 4:
		return compat ? (__u32)regs->di : regs->r8;
	default:
		return compat ? (__u32)regs->bp : regs->r9;
	}
}

#endif
