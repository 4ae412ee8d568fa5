/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_VIEWER_H
#define CBPF_VIEWER_H

#define VIEWER_EXTENTS 5
#define VIEWER_FRAMES 128
#define VIEWER_NAME 128

/* A range of uids: `count` from `first` in the viewer's user namespace are those from `lower` for the kernel. */
struct viewer_extent {
	__u32 first;
	__u32 lower;
	__u32 count;
};

/* The addresses of a stack, up to the first 0. */
struct kernel_stack {
	__u64 at[VIEWER_FRAMES];
};

/* As name+0x1/0x2: functions, and where in them. */
struct kernel_names {
	char text[VIEWER_FRAMES][VIEWER_NAME];
};

/* What a process cannot learn about itself from /proc inside its namespaces. */
struct viewer_info {
	__u64 cgroup;       /* id of its cgroup namespace's root */
	__u32 level;        /* depth of its pid namespace */
	__u32 pidns;        /* inode number of that namespace */
	__u32 userns;       /* inode number of its user namespace */
	__u32 uid;          /* real uid as the kernel sees it */
	__u32 gid;          /* and real gid */
	__u32 tgid;         /* in the initial pid namespace */
	__u32 own_cgroupns; /* 1: its cgroup namespace is not the initial one */
	__u32 pad;
	__u32 extents; /* how many ranges the uid map has; more than VIEWER_EXTENTS are not told */
	struct viewer_extent map[VIEWER_EXTENTS];
};

#endif
