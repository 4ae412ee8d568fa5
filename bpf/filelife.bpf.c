// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * filelife: files that are deleted soon after they were made. One is made by an open, which the open file says of
 * itself. It is deleted where an unlink that takes its last name succeeds: which file that is no system call tells, but
 * the function does that asks whether it is allowed, and its arguments have been the same on all kernels. A file is
 * known by its number and its generation, so that another one in its place is not taken for it, and a rename makes no
 * difference. Not seen are files that a rename replaces, and what io_uring makes or deletes.
 */
#include "filelife.h"
#include "file.bpf.h"

const volatile bool full_path;

struct filelife_file {
	__u64 inode;
	__u32 dev;
	__u32 generation;
};

/* When a file was made. LRU: most are never deleted. */
MAP(births, LRU_HASH, 8192, struct filelife_file, __u64);
/* When the file was made that a thread is about to delete, by kernel tid. */
MAP(dying, HASH, 10240, __u32, __u64);

static __always_inline struct filelife_file identify(struct inode *inode)
{
	struct filelife_file file = {};

	file.inode = BPF_CORE_READ(inode, i_ino);
	file.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	file.generation = BPF_CORE_READ(inode, i_generation);
	return file;
}

TRACE_FUNCTION("", FUNCTION_SETS, "security_inode_unlink", unlink_begins, struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct filelife_file file = identify(inode);
	__u64 *birth = map_get(o, &births, &file);
	__u32 tid = bpf_get_current_pid_tgid();

	if (!birth) /* of an overlay the file below is deleted as well, within the same call, and was never opened */
		return 0;
	if (BPF_CORE_READ(inode, i_nlink) == 1)
		map_put(o, &dying, &tid, birth);
	return 0;
}

/* What is left over from an unlink that failed, or that was no system call. */
static __always_inline bool may_unlink(struct pt_regs *regs)
{
	return native_op(syscall_nr(regs)) == CBPF_FILE_UNLINK || compat_op(syscall_nr(regs)) == CBPF_FILE_UNLINK;
}

TRACE_CURRENT_IF("set=1,2,3", "tp_btf/sys_enter", call_begins, may_unlink(regs), struct pt_regs *regs, long nr)
{
	__u32 tid = bpf_get_current_pid_tgid();

	map_del(o, &dying, &tid);
	return 0;
}

static __always_inline void made(owner_t o, __u32 fd)
{
	struct open_file open = current_file(fd);
	__u64 now = bpf_ktime_get_ns();
	struct file *file = open.file;
	struct filelife_file key;

	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_CREATED))
		return;
	key = identify(open.inode);
	if (still_open(&open))
		map_put(o, &births, &key, &now);
}

/* The name is the first argument, or the second behind the directory. */
static __always_inline void deleted(owner_t o, struct pt_regs *regs, __u64 birth)
{
	bool compat = is_compat();
	bool at = syscall_nr(regs) == (compat ? NR32_unlinkat : NR_unlinkat);
	int dirfd = at ? (int)syscall_arg(regs, 0, compat) : AT_FDCWD;
	struct filelife_event *e;

	e = scratch(o, struct filelife_event);
	if (!e)
		return;
	e->age = bpf_ktime_get_ns() - birth;
	put_name(e, (void *)syscall_arg(regs, at, compat));
	if (full_path)
		put_walked(e, dirfd);
	emit_walked(o, e);
}

static __always_inline bool may_change(struct pt_regs *regs, long ret)
{
	return ret >= 0 && may_be_op(regs);
}

TRACE_CURRENT_IF("set=1,2,3", "tp_btf/sys_exit", call_ends, may_change(regs, ret), struct pt_regs *regs, long ret)
{
	enum cbpf_file_op op = file_op(regs);
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *birth, at;

	if (op == CBPF_FILE_OPEN)
		made(o, ret);
	if (op != CBPF_FILE_UNLINK)
		return 0;
	birth = map_get(o, &dying, &tid);
	if (!birth)
		return 0;
	at = *birth;
	map_del(o, &dying, &tid);
	deleted(o, regs, at);
	return 0;
}
