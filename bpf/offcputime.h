/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_OFFCPUTIME_H
#define CBPF_OFFCPUTIME_H

/* Where a thread waited. Stacks are ids in the map `stacks`, or minus an errno. */
struct offcputime_key {
	__u32 pid; /* both as the viewer numbers them */
	__u32 tid;
	__s32 user_stack;
	__s32 kernel_stack;
};

/* A thread that is off the CPU. */
struct offcputime_start {
	__u64 ts;
	__s32 user_stack;
	__s32 kernel_stack;
	__u32 pid; /* as the viewer numbers it */
	__u32 pad;
};

#endif
