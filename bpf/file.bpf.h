/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What system calls do with files: reads, writes and their kin by number, and the open file behind a descriptor. Not
 * here, because they are no such calls: what io_uring, aio or a page fault reads and writes, and what one file system
 * asks of another one below it.
 */
#ifndef CBPF_FILE_BPF_H
#define CBPF_FILE_BPF_H

#include "fileop.h"
#include "path.bpf.h"
#include "syscall.bpf.h"

#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define FMODE_CREATED 0x100000
#define AT_REMOVEDIR 0x200

static __always_inline enum cbpf_file_op native_op(long nr)
{
	switch (nr) {
	case 0:   /* read */
	case 17:  /* pread64 */
	case 19:  /* readv */
	case 295: /* preadv */
	case 327: /* preadv2 */
	case 515: /* x32: readv */
	case 534: /* x32: preadv */
	case 546: /* x32: preadv2 */
		return CBPF_FILE_READ;
	case 1:   /* write */
	case 18:  /* pwrite64 */
	case 20:  /* writev */
	case 296: /* pwritev */
	case 328: /* pwritev2 */
	case 516: /* x32: writev */
	case 535: /* x32: pwritev */
	case 547: /* x32: pwritev2 */
		return CBPF_FILE_WRITE;
	case 74: /* fsync */
	case 75: /* fdatasync */
		return CBPF_FILE_FSYNC;
	case 2:   /* open */
	case 85:  /* creat */
	case 257: /* openat */
	case 304: /* open_by_handle_at */
	case 437: /* openat2 */
		return CBPF_FILE_OPEN;
	case 4:   /* stat */
	case 5:   /* fstat */
	case 6:   /* lstat */
	case 262: /* newfstatat */
	case 332: /* statx */
		return CBPF_FILE_GETATTR;
	case 133: /* mknod */
	case 259: /* mknodat */
		return CBPF_FILE_CREATE;
	case 87:  /* unlink */
	case 263: /* unlinkat */
		return CBPF_FILE_UNLINK;
	case 83:  /* mkdir */
	case 258: /* mkdirat */
		return CBPF_FILE_MKDIR;
	case 84: /* rmdir */
		return CBPF_FILE_RMDIR;
	}
	return CBPF_FILE_NONE;
}

/* The same calls as 32-bit programs number them. */
static __always_inline enum cbpf_file_op compat_op(long nr)
{
	switch (nr) {
	case 3:
	case 145:
	case 180:
	case 333:
	case 378:
		return CBPF_FILE_READ;
	case 4:
	case 146:
	case 181:
	case 334:
	case 379:
		return CBPF_FILE_WRITE;
	case 118:
	case 148:
		return CBPF_FILE_FSYNC;
	case 5:
	case 8:
	case 295:
	case 342:
	case 437:
		return CBPF_FILE_OPEN;
	case 106:
	case 107:
	case 108:
	case 195: /* stat64 */
	case 196: /* lstat64 */
	case 197: /* fstat64 */
	case 300: /* fstatat64 */
	case 383:
		return CBPF_FILE_GETATTR;
	case 14:
	case 297:
		return CBPF_FILE_CREATE;
	case 10:
	case 301:
		return CBPF_FILE_UNLINK;
	case 39:
	case 296:
		return CBPF_FILE_MKDIR;
	case 40:
		return CBPF_FILE_RMDIR;
	}
	return CBPF_FILE_NONE;
}

/* For a test before that of the owner: may this be one of the calls? */
static __always_inline bool may_be_op(struct pt_regs *regs)
{
	return native_op(syscall_nr(regs)) || compat_op(syscall_nr(regs));
}

static __always_inline enum cbpf_file_op file_op(struct pt_regs *regs)
{
	enum cbpf_file_op op = is_compat() ? compat_op(syscall_nr(regs)) : native_op(syscall_nr(regs));

	/* Both entries have the flags in the third argument. */
	if (op == CBPF_FILE_UNLINK && (syscall_nr(regs) == 263 || syscall_nr(regs) == 301) && regs->dx & AT_REMOVEDIR)
		return CBPF_FILE_RMDIR;
	return op;
}

/* The descriptor that read, write and their kin are given. */
static __always_inline __u32 first_fd(struct pt_regs *regs)
{
	return is_compat() ? regs->bx : regs->di;
}

/* The open file behind a descriptor of the current task; NULL where there is none. */
static __always_inline struct file *current_file(__u32 fd)
{
	return fd_file((struct task_struct *)bpf_get_current_task(), fd);
}

static __always_inline bool is_regular(__u32 mode)
{
	return (mode & S_IFMT) == S_IFREG;
}

/* The last component of its name; never cut, as CBPF_NAME_LEN is what a name can have. */
static __always_inline void file_name(struct file *file, __u8 *name)
{
	bpf_probe_read_kernel_str(name, CBPF_NAME_LEN, BPF_CORE_READ(file, f_path.dentry, d_name.name));
}

#endif
