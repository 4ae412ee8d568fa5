/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ownership record: whose events a loaded program may report. The engine fills it in, nobody else. */
#ifndef CBPF_OWNER_H
#define CBPF_OWNER_H

#define CBPF_MAX_IDS 32

enum cbpf_scope {
	CBPF_NOBODY = 0, /* a record that was never filled in owns nothing */
	CBPF_USER = 1,   /* tasks that the viewer could trace and that are visible in the viewer's pid namespace */
	CBPF_PIDNS = 2,  /* every task visible in the viewer's pid namespace */
	CBPF_CGROUP = 3, /* every task in the subtree of `cgroup` */
	CBPF_HOST = 4,   /* everything */
};

struct cbpf_owner {
	__u64 cgroup;       /* kernfs id of the scope's cgroup */
	__u64 io_cgroup;    /* cgroup whose writeback counts as the scope's, 0: none */
	__u64 caps;         /* the viewer's permitted capabilities, a bit for each */
	__u64 in_cgroup;    /* narrowing, -c: 0 or the id of a cgroup */
	__u32 scope;        /* enum cbpf_scope */
	__u32 pidns;        /* inode number of the viewer's pid namespace */
	__u32 level;        /* depth of that namespace; 0 is the initial one */
	__u32 userns;       /* inode number of the viewer's user namespace */
	__u32 uid;          /* the viewer's real uid as the kernel sees it */
	__u32 gid;          /* and its real gid */
	__u32 self_;        /* the viewer's own tgid in the initial pid namespace: never reported */
	__u32 family;       /* narrowing, `-- COMMAND`: only processes in the `family` map */
	__u32 only_uid;     /* narrowing, -u: one uid ... */
	__u32 has_only_uid; /* ... if this is 1 */
	__u32 npids;        /* narrowing, -p: how many of `pids` count, 0: no narrowing */
	__u32 ntids;        /* narrowing, -t */
	__u32 rate;         /* at most this many events are sent in a second, 0: any number */
	__u32 pad;
	__u32 pids[CBPF_MAX_IDS]; /* as the viewer's pid namespace numbers them */
	__u32 tids[CBPF_MAX_IDS];
};

#endif
