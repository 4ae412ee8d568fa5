/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_FSSLOWER_H
#define CBPF_FSSLOWER_H

#include "fileop.h"

struct fsslower_event {
	struct cbpf_head head;
	__u64 took; /* ns */
	__u64 offset;
	__s64 ret;                /* bytes, or minus an errno */
	__u32 op;                 /* enum cbpf_file_op */
	__u8 fs[16];              /* kind of the file system, empty: the file was closed meanwhile */
	__u8 name[CBPF_NAME_LEN]; /* the last component */
	__u32 pad;
};

#endif
