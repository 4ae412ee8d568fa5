/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_FILETOP_H
#define CBPF_FILETOP_H

#include "fileop.h"

struct filetop_key {
	__u64 inode;
	__u32 dev;        /* as the kernel numbers it: 12 bits of major, 20 of minor */
	__u32 generation; /* tells files apart that had the same inode number, one after another */
	__u32 pid;        /* in the viewer's namespace */
	__u32 tid;
};

struct filetop_value {
	__u64 reads;
	__u64 writes;
	__u64 read_bytes;
	__u64 write_bytes;
	__u32 mode; /* type and permissions */
	__u8 comm[CBPF_COMM_LEN];
	__u8 name[CBPF_NAME_LEN];
	__u32 pad;
};

#endif
