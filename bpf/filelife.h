/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_FILELIFE_H
#define CBPF_FILELIFE_H

/* Behind it stand `name_len` bytes of the name as unlink was passed it, then `dir_len` of what it starts from. */
struct filelife_event {
	struct cbpf_head head;
	__u64 age;      /* ns */
	__u16 name_len; /* with its NUL; 0: it could not be read */
	__u16 dir_len;  /* see path.bpf.h */
	__u32 pad;
};

#endif
