/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_BIOSNOOP_H
#define CBPF_BIOSNOOP_H

struct biosnoop_event {
	struct cbpf_head head; /* pid 0: writeback, which no task can be named for */
	__u64 sector;
	__u64 ns;     /* from where it was issued to where it was done */
	__u64 queued; /* how long it was in a scheduler before */
	__u32 dev;    /* 12 bits of major, 20 of minor */
	__u32 flags;  /* operation and flags, as the kernel has them */
	__u32 bytes;
	__u32 was_queued; /* 1: `queued` is known */
};

#endif
