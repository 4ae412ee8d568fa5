/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_NUMAMOVE_H
#define CBPF_NUMAMOVE_H

/* What was done to have pages where they are used. */
struct numamove_total {
	__u64 times;
	__u64 moved; /* pages */
	__u64 failed;
	__u64 ns;
};

#endif
