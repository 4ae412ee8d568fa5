/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_BIOPATTERN_H
#define CBPF_BIOPATTERN_H

enum biopattern_kind {
	BIOPATTERN_SEQUENTIAL = 0,
	BIOPATTERN_RANDOM = 1,
	BIOPATTERN_FIRST = 2, /* nothing came before it */
};

struct biopattern_key {
	__u32 dev;  /* 12 bits of major, 20 of minor */
	__u32 kind; /* enum biopattern_kind */
};

#endif
