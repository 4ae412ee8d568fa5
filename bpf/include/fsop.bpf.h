/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long file systems take: from the beginning of a system call that reads, writes, opens, syncs or looks at a file
 * to its end. Not the file system's own functions are watched but the calls: so every file system is seen alike,
 * whatever its functions are called, a module or not, on every kernel and under every grant. An open is the walk to the
 * file too. What io_uring does is not in it, nor what one file system asks of another one: a file of an overlay is the
 * overlay's.
 *
 * Which file stat and its kin look at cannot be told from the call. It is noted where the kernel asks whether that is
 * allowed, a function; where functions cannot be traced (set 4), they are left out.
 *
 * A tool that includes this gets TRACE_FS_DONE.
 */
#ifndef CBPF_FSOP_BPF_H
#define CBPF_FSOP_BPF_H

#include "file.bpf.h"

#define FS_NAME_LEN 16

/* Only this kind of file system, or this one; empty: all. */
const volatile char only_fs[FS_NAME_LEN];
const volatile char or_fs[FS_NAME_LEN];
/* With stat and its kin. */
const volatile bool with_getattr;

struct fs_start {
	__u64 ts;     /* 0: a look at a file of which it is not known yet */
	__u64 offset; /* of a read or write */
	__u64 inode;  /* of the file, as far as it was known */
	__u32 op;
	__u32 pad;
};

/* The call that a thread is in, by kernel tid. */
MAP(started, HASH, 10240, __u32, struct fs_start);

static __always_inline bool same_name(const volatile char *wanted, const char *name)
{
	bool same = true, end = false;

	for (int i = 0; i < FS_NAME_LEN - 1; i++) {
		same &= end || wanted[i] == name[i];
		end |= !wanted[i];
	}
	return same;
}

/* Is it a file or a directory of the file systems that are asked for? */
static __always_inline bool fs_wanted(struct inode *inode)
{
	__u32 mode = BPF_CORE_READ(inode, i_mode);
	char name[FS_NAME_LEN] = {};

	if (!is_regular(mode) && (mode & S_IFMT) != S_IFDIR)
		return false;
	if (!only_fs[0])
		return true;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(inode, i_sb, s_type, name));
	return same_name(only_fs, name) || (or_fs[0] && same_name(or_fs, name));
}

/* Is the fourth argument of the call where it reads or writes? */
static __always_inline bool has_offset(long nr, bool compat)
{
	switch (nr) {
	case NR_pread64:
	case NR_pwrite64:
	case NR_preadv:
	case NR_pwritev:
	case NR_preadv2:
	case NR_pwritev2:
	case NRX32_preadv:
	case NRX32_pwritev:
	case NRX32_preadv2:
	case NRX32_pwritev2:
		return !compat;
	case NR32_pread64:
	case NR32_pwrite64:
	case NR32_preadv:
	case NR32_pwritev:
	case NR32_preadv2:
	case NR32_pwritev2:
		return compat;
	}
	return false;
}

static __always_inline __u64 call_offset(struct pt_regs *regs, struct file *file)
{
	bool compat = is_compat();
	__u64 offset;

	if (has_offset(syscall_nr(regs), compat)) {
		offset = syscall_arg(regs, 3, compat);
		if (compat)
			offset |= syscall_arg(regs, 4, compat) << 32;
		if (offset != -1ULL)
			return offset;
	}
	return BPF_CORE_READ(file, f_pos);
}

TRACE_CURRENT_IF("set=1,2,3,4", "tp_btf/sys_enter", fs_call_begins, may_be_op(regs), struct pt_regs *regs, long nr)
{
	struct fs_start value = { .op = file_op(regs) };
	__u32 tid = bpf_get_current_pid_tgid();
	struct open_file open;
	struct inode *inode;

	switch (value.op) {
	case CBPF_FILE_READ:
	case CBPF_FILE_WRITE:
	case CBPF_FILE_FSYNC:
		open = current_file(first_fd(regs));
		inode = open.inode;
		if (!inode || !fs_wanted(inode))
			return 0;
		value.inode = BPF_CORE_READ(inode, i_ino);
		value.offset = call_offset(regs, open.file);
		if (!still_open(&open))
			return 0;
		break;
	case CBPF_FILE_OPEN:
		break;
	case CBPF_FILE_GETATTR:
		if (with_getattr) /* fs_getattr says the rest */
			map_put(o, &started, &tid, &value);
		return 0;
	default:
		return 0;
	}
	value.ts = bpf_ktime_get_ns();
	map_put(o, &started, &tid, &value);
	return 0;
}

TRACE_FUNCTION("when=with_getattr", FUNCTION_SETS, "security_inode_getattr", fs_getattr, const struct path *path)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct inode *inode = BPF_CORE_READ(path, dentry, d_inode);
	struct fs_start *at = map_get(o, &started, &tid);

	/*
	 * Other calls and io_uring look at files too, and have no end here. Of an overlay the file below is looked at
	 * as well, within the same call.
	 */
	if (!at || at->op != CBPF_FILE_GETATTR || at->ts || !inode || !fs_wanted(inode))
		return 0;
	at->inode = BPF_CORE_READ(inode, i_ino);
	at->ts = bpf_ktime_get_ns();
	return 0;
}

/*
 * The end of a call. In the body `at` tells of its start, `took` how long it took, ns, and `ret` its result; `open` is
 * the open file, if there still is one; what is read of it is to be checked.
 */
#define TRACE_FS_DONE(name) \
	static __always_inline void name##_done(owner_t o, struct fs_start *at, struct open_file *open, __u64 took, \
						long ret); \
	TRACE_CURRENT_IF("set=1,2,3,4", "tp_btf/sys_exit", name, may_be_op(regs), struct pt_regs *regs, long ret) \
	{ \
		__u32 tid = bpf_get_current_pid_tgid(); \
		struct fs_start *found = map_get(o, &started, &tid), at; \
		struct open_file open = {}; \
		struct inode *inode; \
\
		if (!found) \
			return 0; \
		at = *found; \
		map_del(o, &started, &tid); \
		if (!at.ts || at.op != file_op(regs)) \
			return 0; \
		if (at.op != CBPF_FILE_GETATTR) { \
			open = current_file(at.op == CBPF_FILE_OPEN ? ret : first_fd(regs)); \
			inode = open.inode; \
			if (at.op == CBPF_FILE_OPEN) { \
				if (ret < 0 || !inode || !fs_wanted(inode)) \
					return 0; \
			} else if (inode && BPF_CORE_READ(inode, i_ino) != at.inode) { \
				open.file = 0; /* it was closed meanwhile, and another one opened */ \
			} \
		} \
		name##_done(o, &at, &open, bpf_ktime_get_ns() - at.ts, ret); \
		return 0; \
	} \
	static __always_inline void name##_done(owner_t o, struct fs_start *at, struct open_file *open, __u64 took, \
						long ret)

#endif
