/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_FUNCLATENCY_H
#define CBPF_FUNCLATENCY_H

#define FUNCLATENCY_DEPTH 32

/* A call that a thread is in. */
struct funclatency_call {
	__u64 frame; /* its place on the stack */
	__u64 ts;
};

/* Those of a thread, the outermost first. */
struct funclatency_calls {
	__u64 count;
	struct funclatency_call at[FUNCLATENCY_DEPTH];
};

#endif
