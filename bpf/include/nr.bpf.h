/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of system calls: of 64-bit programs, of 32-bit programs, and of x32 where those are others. From 424 on all
 * have the same.
 */
#ifndef CBPF_NR_BPF_H
#define CBPF_NR_BPF_H

// clang-format off: a row for each call
enum {
	NR_read = 0,			NR32_read = 3,
	NR_pread64 = 17,		NR32_pread64 = 180,
	NR_readv = 19,			NR32_readv = 145,		NRX32_readv = 515,
	NR_preadv = 295,		NR32_preadv = 333,		NRX32_preadv = 534,
	NR_preadv2 = 327,		NR32_preadv2 = 378,		NRX32_preadv2 = 546,

	NR_write = 1,			NR32_write = 4,
	NR_pwrite64 = 18,		NR32_pwrite64 = 181,
	NR_writev = 20,			NR32_writev = 146,		NRX32_writev = 516,
	NR_pwritev = 296,		NR32_pwritev = 334,		NRX32_pwritev = 535,
	NR_pwritev2 = 328,		NR32_pwritev2 = 379,		NRX32_pwritev2 = 547,

	NR_fsync = 74,			NR32_fsync = 118,
	NR_fdatasync = 75,		NR32_fdatasync = 148,

	NR_open = 2,			NR32_open = 5,
	NR_creat = 85,			NR32_creat = 8,
	NR_openat = 257,		NR32_openat = 295,
	NR_open_by_handle_at = 304,	NR32_open_by_handle_at = 342,
	NR_openat2 = 437,

	NR_stat = 4,			NR32_stat = 106,
	NR_lstat = 6,			NR32_lstat = 107,
	NR_fstat = 5,			NR32_fstat = 108,
	NR_newfstatat = 262,
	NR_statx = 332,			NR32_statx = 383,
	NR_statfs = 137,		NR32_statfs = 99,
	NR_fstatfs = 138,		NR32_fstatfs = 100,

					NR32_oldstat = 18,
					NR32_oldlstat = 84,
					NR32_oldfstat = 28,
					NR32_stat64 = 195,
					NR32_lstat64 = 196,
					NR32_fstat64 = 197,
					NR32_fstatat64 = 300,
					NR32_statfs64 = 268,
					NR32_fstatfs64 = 269,

	NR_mknod = 133,			NR32_mknod = 14,
	NR_mknodat = 259,		NR32_mknodat = 297,
	NR_unlink = 87,			NR32_unlink = 10,
	NR_unlinkat = 263,		NR32_unlinkat = 301,
	NR_mkdir = 83,			NR32_mkdir = 39,
	NR_mkdirat = 258,		NR32_mkdirat = 296,
	NR_rmdir = 84,			NR32_rmdir = 40,

	NR_mount = 165,			NR32_mount = 21,
					NR32_umount = 22,
	NR_umount2 = 166,		NR32_umount2 = 52,
	NR_pivot_root = 155,		NR32_pivot_root = 217,
	NR_open_tree = 428,
	NR_move_mount = 429,
	NR_fsopen = 430,
	NR_fsconfig = 431,
	NR_fsmount = 432,
	NR_fspick = 433,
	NR_mount_setattr = 442,
	NR_open_tree_attr = 467,

	NR_execve = 59,			NR32_execve = 11,		NRX32_execve = 520,
	NR_execveat = 322,		NR32_execveat = 358,		NRX32_execveat = 545,
	NR_fork = 57,			NR32_fork = 2,
	NR_vfork = 58,			NR32_vfork = 190,
	NR_clone = 56,			NR32_clone = 120,
	NR_clone3 = 435,
	NR_exit = 60,			NR32_exit = 1,
	NR_exit_group = 231,		NR32_exit_group = 252,
	NR_rt_sigreturn = 15,		NR32_rt_sigreturn = 173,

	NR_bind = 49,			NR32_bind = 361,
	NR_listen = 50,			NR32_listen = 363,
	NR_accept = 43,
	NR_accept4 = 288,		NR32_accept4 = 364,
					NR32_socketcall = 102,
};
// clang-format on

#endif
