/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_GETHOSTLATENCY_H
#define CBPF_GETHOSTLATENCY_H

#define GETHOSTLATENCY_HOST 80

struct gethostlatency_event {
	struct cbpf_head head;
	__u64 ns;
	__u32 named; /* 0: the call asked for no name */
	__u32 pad;
	__u8 host[GETHOSTLATENCY_HOST];
};

#endif
