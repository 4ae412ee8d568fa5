/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_RUNQSLOWER_H
#define CBPF_RUNQSLOWER_H

struct runqslower_event {
	struct cbpf_head head;
	__u64 ns;       /* how long the task waited */
	__u32 has_prev; /* 1: who had the CPU before is known, and may be told */
	__u32 prev_tid; /* 0: the CPU was idle */
	__u8 prev_comm[CBPF_COMM_LEN];
};

#endif
