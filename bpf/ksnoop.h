/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_KSNOOP_H
#define CBPF_KSNOOP_H

#define KSNOOP_FUNCTIONS 4
#define KSNOOP_VALUES 8
#define KSNOOP_STEPS 4

/* `root` of a value: an argument by its number from 0, or one of these. */
#define KSNOOP_RESULT 6
#define KSNOOP_NOTHING 7

/* A value that is wanted of a call: an argument or the result, or what it leads to. */
struct ksnoop_want {
	__u32 root;
	__u32 steps; /* how often to read what is there, offset by offset */
	__u32 offsets[KSNOOP_STEPS];
};

/* Those of a function. */
struct ksnoop_wants {
	struct ksnoop_want of[KSNOOP_VALUES];
};

struct ksnoop_event {
	struct cbpf_head head;
	__u64 took; /* ns */
	__u64 values[KSNOOP_VALUES];
	__u32 function; /* by its number */
	__u32 cpu;
	__u32 hidden; /* a bit for each value that is an address of the kernel's, and was left out */
	__u32 unread; /* and for each that could not be read */
};

#endif
