/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_BIOLATENCY_H
#define CBPF_BIOLATENCY_H

/* One histogram; each part is 0 where it does not tell them apart. */
struct biolatency_key {
	__u32 dev;   /* 12 bits of major, 20 of minor */
	__u32 flags; /* operation, and the flags that have a name */
};

#endif
