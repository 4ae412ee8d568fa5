/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_MOUNTSNOOP_H
#define CBPF_MOUNTSNOOP_H

#define MOUNTSNOOP_ARGS 5

enum mountsnoop_op {
	MOUNTSNOOP_NONE = 0,
	MOUNTSNOOP_MOUNT = 1,
	MOUNTSNOOP_UMOUNT = 2,
	MOUNTSNOOP_FSOPEN = 3,
	MOUNTSNOOP_FSCONFIG = 4,
	MOUNTSNOOP_FSMOUNT = 5,
	MOUNTSNOOP_MOVE_MOUNT = 6,
	MOUNTSNOOP_FSPICK = 7,
	MOUNTSNOOP_OPEN_TREE = 8,
	MOUNTSNOOP_MOUNT_SETATTR = 9,
	MOUNTSNOOP_PIVOT_ROOT = 10,
	MOUNTSNOOP_OPEN_TREE_ATTR = 11,
};

/* Behind it stand the arguments that are strings, in their order, without their NUL. */
struct mountsnoop_event {
	struct cbpf_head head;
	__u64 args[MOUNTSNOOP_ARGS]; /* as they were passed; of a string whether there is one */
	__u64 attr[3];               /* struct mount_attr: set, cleared, propagation */
	__u64 took;                  /* ns, 0: not measured */
	__s32 ret;
	__u32 op;     /* enum mountsnoop_op */
	__u32 mnt_ns; /* inode number of the caller's mount namespace */
	__u16 lens[MOUNTSNOOP_ARGS];
	__u8 flags[MOUNTSNOOP_ARGS]; /* enum cbpf_flag of each string, and of struct mount_attr */
	__u8 pad;
};

#endif
