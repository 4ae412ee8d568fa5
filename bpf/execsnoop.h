/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_EXECSNOOP_H
#define CBPF_EXECSNOOP_H

/* Behind it stand `file_len` bytes of the file's name and `args_len` bytes of arguments, each with its NUL. */
struct execsnoop_event {
	struct cbpf_head head; /* CBPF_FAULT: there is no file's name; CBPF_CUT: there are more arguments */
	__s32 ret;             /* 0, or minus an errno */
	__u32 ppid;            /* 0: the parent is somebody else's */
	__u32 file_len;
	__u32 args_len; /* from argv[0] on */
};

#endif
