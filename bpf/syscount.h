/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_SYSCOUNT_H
#define CBPF_SYSCOUNT_H

/* A system call as its caller names it: 32-bit programs have other numbers, x32 ones a bit of their own. */
struct syscount_call {
	__s32 nr;
	__u32 compat; /* 1: through the 32-bit entry */
};

/* What is not counted by is 0. */
struct syscount_key {
	struct syscount_call call;
	__u32 pid;
};

#endif
