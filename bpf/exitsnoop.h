/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_EXITSNOOP_H
#define CBPF_EXITSNOOP_H

struct exitsnoop_event {
	struct cbpf_head head;
	__u64 age;  /* since it was started, ns */
	__u32 code; /* as wait(2) has it: 8 bits of exit code above the signal, and 0x80 if it dumped core */
	__u32 ppid; /* 0: the parent is somebody else's */
};

#endif
