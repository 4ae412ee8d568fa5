/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_TCPRTT_H
#define CBPF_TCPRTT_H

/* One histogram for each address, as in struct cbpf_ends; all zero where they are not told apart. */
struct tcprtt_key {
	__u8 addr[16];
	__u32 version;
};

#endif
