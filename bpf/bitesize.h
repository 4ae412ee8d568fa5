/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_BITESIZE_H
#define CBPF_BITESIZE_H

/* One histogram for each name; writeback, which has none, is the one without. */
struct bitesize_key {
	__u8 comm[CBPF_COMM_LEN];
};

#endif
