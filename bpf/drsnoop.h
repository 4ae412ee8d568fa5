/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_DRSNOOP_H
#define CBPF_DRSNOOP_H

struct drsnoop_event {
	struct cbpf_head head;
	__u64 took;   /* ns */
	__u64 pages;  /* reclaimed */
	__u64 free;   /* pages of the machine that were free at the beginning */
	__u32 cgroup; /* 1: because of a cgroup's limit */
	__u32 pad;
};

#endif
