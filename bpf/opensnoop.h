/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_OPENSNOOP_H
#define CBPF_OPENSNOOP_H

/* Behind it stand `name_len` bytes of the name as it was passed, then `dir_len` bytes of path components. */
struct opensnoop_event {
	struct cbpf_head head;
	__s32 ret;   /* file descriptor (but see CBPF_SLOT), or minus an errno */
	__u32 flags; /* open(2) flags */
	__u32 mode;
	__u16 name_len;   /* with its NUL; 0: there is no name, or it could not be read */
	__u16 dir_len;    /* see path.bpf.h; of the opened file, or of what a failed relative name starts from */
	__u64 callers[2]; /* user return addresses, 0: unknown */
};

#endif
