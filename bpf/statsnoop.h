/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_STATSNOOP_H
#define CBPF_STATSNOOP_H

/* Behind it stand `name_len` bytes of the name as it was passed, then `dir_len` bytes of path components. */
struct statsnoop_event {
	struct cbpf_head head;
	__s32 ret;      /* 0, or minus an errno */
	__u32 nr;       /* the system call's number */
	__u32 compat;   /* 1: its number in 32-bit programs */
	__u16 name_len; /* with its NUL; 0: the call names a descriptor, or the name could not be read */
	__u16 dir_len;  /* see path.bpf.h; of the descriptor, or of what a relative name starts from */
};

#endif
