/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_CPUDIST_H
#define CBPF_CPUDIST_H

/* When a task got or left a CPU. */
struct cpudist_start {
	__u64 ts;
	__u64 task;     /* its address, never read through: to tell it from others */
	__u64 switches; /* how often it had left a CPU by then */
};

#endif
