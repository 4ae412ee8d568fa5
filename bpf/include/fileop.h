/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_FILEOP_H
#define CBPF_FILEOP_H

#define CBPF_NAME_LEN 256 /* a name has up to 255 bytes */

/* What a system call does with a file. */
enum cbpf_file_op {
	CBPF_FILE_NONE = 0,
	CBPF_FILE_READ = 1,
	CBPF_FILE_WRITE = 2,
	CBPF_FILE_FSYNC = 3,
	CBPF_FILE_OPEN = 4,
	CBPF_FILE_CREATE = 5,
	CBPF_FILE_UNLINK = 6,
	CBPF_FILE_MKDIR = 7,
	CBPF_FILE_RMDIR = 8,
	CBPF_FILE_GETATTR = 9,
};

#endif
