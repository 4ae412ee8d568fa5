/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_BIOSTACKS_H
#define CBPF_BIOSTACKS_H

/* Who had a disk do something, and where in the kernel that was. */
struct biostacks_key {
	__u32 pid;   /* as the viewer numbers it; 0: writeback, of nobody who could be named */
	__u32 dev;   /* 12 bits of major, 20 of minor */
	__s32 stack; /* id in the map `stacks`, or minus an errno */
};

#endif
