/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_LLCSTAT_H
#define CBPF_LLCSTAT_H

struct llcstat_key {
	__u32 pid;
	__u32 tid; /* 0: all threads together */
	__u32 cpu;
	__u32 miss; /* 0: references, 1: misses */
};

#endif
