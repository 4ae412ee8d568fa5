/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_KLOCKSTAT_H
#define CBPF_KLOCKSTAT_H

#define KLOCKSTAT_NAME 44

struct klockstat_key {
	__u32 id;   /* of a stack, or minus an errno; or the thread, as the viewer numbers it */
	__u32 held; /* 0: waited for, 1: held */
};

/* The longest of all: by whom, and of which lock; no name, no symbol. */
struct klockstat_most {
	__u32 tid;
	__u8 comm[CBPF_COMM_LEN];
	__u8 lock[KLOCKSTAT_NAME];
};

/* As struct cbpf_tally (event.h), and the longest of two periods with all there is to say of it; ns. */
struct klockstat_stat {
	__u64 count;
	__u64 total;
	__u64 max[2];
	__u64 period[2];
	struct klockstat_most most[2];
};

/* What a thread waits for. */
struct klockstat_wait {
	__u64 since;
	__u64 lock;
	__u32 id;
	__u32 pad;
};

/* A lock that a thread holds. */
struct klockstat_held {
	__u64 since;
	__u32 id;
	__u32 pad;
};

#endif
