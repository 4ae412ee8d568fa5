/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What system calls do with files: reads, writes and their kin by number, and the open file behind a descriptor. Not
 * here, because they are no such calls: what io_uring, aio or a page fault reads and writes, and what one file system
 * asks of another one below it.
 */
#ifndef CBPF_FILE_BPF_H
#define CBPF_FILE_BPF_H

#include "constants.bpf.h"
#include "nr.bpf.h"
#include "path.bpf.h"
#include "syscall.bpf.h"

#define FMODE_CREATED 0x100000
#define AT_REMOVEDIR 0x200

static __always_inline enum cbpf_file_op native_op(long nr)
{
	switch (nr) {
	case NR_read:
	case NR_pread64:
	case NR_readv:
	case NR_preadv:
	case NR_preadv2:
	case NRX32_readv:
	case NRX32_preadv:
	case NRX32_preadv2:
		return CBPF_FILE_READ;
	case NR_write:
	case NR_pwrite64:
	case NR_writev:
	case NR_pwritev:
	case NR_pwritev2:
	case NRX32_writev:
	case NRX32_pwritev:
	case NRX32_pwritev2:
		return CBPF_FILE_WRITE;
	case NR_fsync:
	case NR_fdatasync:
		return CBPF_FILE_FSYNC;
	case NR_open:
	case NR_creat:
	case NR_openat:
	case NR_open_by_handle_at:
	case NR_openat2:
		return CBPF_FILE_OPEN;
	case NR_stat:
	case NR_fstat:
	case NR_lstat:
	case NR_newfstatat:
	case NR_statx:
		return CBPF_FILE_GETATTR;
	case NR_mknod:
	case NR_mknodat:
		return CBPF_FILE_CREATE;
	case NR_unlink:
	case NR_unlinkat:
		return CBPF_FILE_UNLINK;
	case NR_mkdir:
	case NR_mkdirat:
		return CBPF_FILE_MKDIR;
	case NR_rmdir:
		return CBPF_FILE_RMDIR;
	}
	return CBPF_FILE_NONE;
}

/* The same calls as 32-bit programs number them. */
static __always_inline enum cbpf_file_op compat_op(long nr)
{
	switch (nr) {
	case NR32_read:
	case NR32_readv:
	case NR32_pread64:
	case NR32_preadv:
	case NR32_preadv2:
		return CBPF_FILE_READ;
	case NR32_write:
	case NR32_writev:
	case NR32_pwrite64:
	case NR32_pwritev:
	case NR32_pwritev2:
		return CBPF_FILE_WRITE;
	case NR32_fsync:
	case NR32_fdatasync:
		return CBPF_FILE_FSYNC;
	case NR32_open:
	case NR32_creat:
	case NR32_openat:
	case NR32_open_by_handle_at:
	case NR_openat2:
		return CBPF_FILE_OPEN;
	case NR32_stat:
	case NR32_lstat:
	case NR32_fstat:
	case NR32_stat64:
	case NR32_lstat64:
	case NR32_fstat64:
	case NR32_fstatat64:
	case NR32_statx:
		return CBPF_FILE_GETATTR;
	case NR32_mknod:
	case NR32_mknodat:
		return CBPF_FILE_CREATE;
	case NR32_unlink:
	case NR32_unlinkat:
		return CBPF_FILE_UNLINK;
	case NR32_mkdir:
	case NR32_mkdirat:
		return CBPF_FILE_MKDIR;
	case NR32_rmdir:
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
	if (op == CBPF_FILE_UNLINK && (syscall_nr(regs) == NR_unlinkat || syscall_nr(regs) == NR32_unlinkat) &&
	    regs->dx & AT_REMOVEDIR)
		return CBPF_FILE_RMDIR;
	return op;
}

/* The descriptor that read, write and their kin are given. */
static __always_inline __u32 first_fd(struct pt_regs *regs)
{
	return is_compat() ? regs->bx : regs->di;
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
