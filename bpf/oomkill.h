/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_OOMKILL_H
#define CBPF_OOMKILL_H

/* The head is that of the victim. */
struct oomkill_event {
	struct cbpf_head head;
	__u64 pages;  /* resident */
	__u32 by_pid; /* who wanted the memory that was not there; 0: not the viewer's */
	__u32 pad;
	__u8 by_comm[CBPF_COMM_LEN];
};

#endif
