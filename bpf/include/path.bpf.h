/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths as their owner sees them: names from the file up to the root directory of the task, which in a container
 * is the container's. Of a file that is not below it, one handed in from outside or moved out of a bind mount, no name
 * is told: those are the host's.
 */
#ifndef CBPF_PATH_BPF_H
#define CBPF_PATH_BPF_H

#include "fileop.h"

#define AT_FDCWD -100
#define PATH_MAX 4096

#define PATH_DEPTH 40
#define PATH_SPACE 4096 /* beside PATH_MAX bytes of a name it fits into a record */

/* How a walk ended; stands as the last byte behind the components. */
enum {
	PATH_ROOT = 'r', /* at the task's root: the components are the whole path */
	PATH_LOST = 'l', /* somewhere that is not below that root, so there are no components */
	PATH_DEEP = 'd', /* more than PATH_DEPTH components */
};

/*
 * Writes the components of dentry and mnt at `buf + at`, leaf first, each with its NUL, then how the walk ended; `len`
 * becomes the number of bytes. `buf` has SCRATCH_SIZE bytes, and `at` is below half of that.
 *
 * `len` stands in the record. What is read back from there can be anything to the verifier, and so the same in every
 * round; of a sum in a register it would follow each way in which the rounds can add up.
 */
static __always_inline void put_path(char *buf, __u32 at, volatile __u16 *len, const struct path *from,
				     const struct path *root)
{
	struct dentry *dentry = from->dentry, *parent, *top;
	struct vfsmount *mnt = from->mnt;
	struct mount *mount, *up;
	const unsigned char *name;
	char end = PATH_DEEP;
	__u32 used;
	long n;

	*len = 0;
	for (int i = 0; i < PATH_DEPTH; i++) {
		if (dentry == root->dentry && mnt == root->mnt) {
			end = PATH_ROOT;
			break;
		}
		top = BPF_CORE_READ(mnt, mnt_root);
		parent = BPF_CORE_READ(dentry, d_parent);
		if (dentry == top) {
			mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
			up = BPF_CORE_READ(mount, mnt_parent);
			if (up == mount) {
				end = PATH_LOST;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mnt = (void *)up + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		if (dentry == parent) {
			end = PATH_LOST;
			break;
		}
		used = *len;
		if (used >= PATH_SPACE - CBPF_NAME_LEN)
			break;
		name = BPF_CORE_READ(dentry, d_name.name);
		n = bpf_probe_read_kernel_str(buf + at + used, CBPF_NAME_LEN, name);
		if (n <= 0) {
			end = PATH_LOST;
			break;
		}
		*len = used + n;
		dentry = parent;
	}
	used = end == PATH_LOST ? 0 : *len;
	if (used >= PATH_SPACE)
		return;
	barrier_var(used); /* 6.1 knows less of a copy of it than of itself */
	buf[at + (used & (PATH_SPACE - 1))] = end;
	*len = used + 1;
}

static __always_inline struct file *fd_slot(__u32 fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **slot, *file = 0;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return 0;
	slot = BPF_CORE_READ(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slot + fd);
	return file;
}

/*
 * An open file of the current task. No reference is held, and one that another thread closes meanwhile may be what
 * anybody opens next, at once since 6.7 (0ede61d8589c, SLAB_TYPESAFE_BY_RCU). So what was read of it is the task's only
 * if still_open() says so afterwards. The inode is compared too: the slot alone could have had the same file twice.
 */
struct open_file {
	struct file
		*file; /* NULL: there is none. A relocated access may not go through our own struct: copy it first. */
	struct inode *inode;
	__u32 fd;
};

static __always_inline struct open_file current_file(__u32 fd)
{
	struct file *file = fd_slot(fd);
	struct open_file open = { .file = file, .inode = BPF_CORE_READ(file, f_inode), .fd = fd };

	return open;
}

static __always_inline bool still_open(const struct open_file *open)
{
	struct file *file = open->file;

	return BPF_CORE_READ(file, f_inode) == open->inode && fd_slot(open->fd) == file;
}

/* `at` stands in the record too, and is read back for the same reason. */
static __always_inline void walk(char *buf, const volatile __u16 *at, volatile __u16 *len, int dirfd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct path from, root;
	struct open_file open;
	struct file *file;

	BPF_CORE_READ_INTO(&root, task, fs, root);
	if (dirfd == AT_FDCWD) {
		BPF_CORE_READ_INTO(&from, task, fs, pwd);
	} else {
		open = current_file(dirfd);
		file = open.file;
		if (!file)
			return;
		BPF_CORE_READ_INTO(&from, file, f_path);
		if (!still_open(&open))
			return;
	}
	put_path(buf, *at & (2 * PATH_MAX - 1), len, &from, &root);
}

/*
 * For events about a name. Behind them stand `name_len` bytes of it, as the call was passed it, then `dir_len` bytes of
 * the path that it starts from: that of a descriptor, or of the working directory.
 */
#define put_name(e, name) \
	((e)->name_len = read_string(&(e)->head, (char *)((e) + 1), PATH_MAX, name) & (2 * PATH_MAX - 1))
#define put_walked(e, dirfd) walk((char *)((e) + 1), &(e)->name_len, &(e)->dir_len, dirfd)
#define emit_walked(o, e) emit_scratch(o, e, (e)->name_len + (e)->dir_len)

#endif
