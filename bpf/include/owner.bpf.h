/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * THE filter. A task is tested here and nowhere else; what passes is a proof (`owner_t`) that every helper
 * which lets something out (emit.bpf.h) asks for. A tool gets its proof from an entry macro (entry.bpf.h).
 */
#ifndef CBPF_OWNER_BPF_H
#define CBPF_OWNER_BPF_H

#include "owner.h"

#define PF_KTHREAD 0x00200000

/* A section, and so a map, of its own: the engine writes it by that name and refuses an object without it. */
const volatile struct cbpf_owner owner SEC(".rodata.owner");

/* Thread groups that `-- COMMAND` started, as the viewer numbers them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
} family SEC(".maps");

/*
 * The proof, passed by value, so that no pointer can be cast to one. A tool can name it only as the type of a
 * parameter: the attribute is refused everywhere else (clang has no other meaning for it on this target), and the
 * name of the struct is poisoned. So a tool can hand on the proof that it got, and cannot make one.
 */
struct cbpf_owned {
	struct cbpf_subject who;  /* pid, tid: in the viewer's namespace; uid and comm are read on demand */
	struct task_struct *task; /* NULL when the subject comes from a record */
	__u8 ok;
};
#define owner_t __attribute__((use_handle("cbpf"))) const struct cbpf_owned

/* Does it prove anything? */
static __always_inline bool owned(owner_t o)
{
	return o.ok;
}

/*
 * Two ways to follow a kernel pointer: straight, where the verifier knows its type (a trusted pointer costs
 * no call), and through a helper. TASK_READERS writes the filter once for both.
 */
#define READ_BTF(ptr, field) ((ptr)->field)
#define READ2_BTF(ptr, a, b) ((ptr)->a->b)
#define READ_ANY(ptr, field) BPF_CORE_READ(ptr, field)
#define READ2_ANY(ptr, a, b) BPF_CORE_READ(ptr, a, b)

/*
 * The id of `pid` in the viewer's namespace, 0 when it is not visible there. One read answers both: what it is at
 * that depth has the id and names its namespace.
 */
static __always_inline __u32 nr_below(struct pid *pid)
{
	struct upid upid = upid_at(pid, owner.level);

	return BPF_CORE_READ(upid.ns, ns.inum) == owner.pidns ? upid.nr : 0;
}

static __always_inline bool listed(const volatile __u32 *ids, __u32 n, __u32 id)
{
	for (int i = 0; i < CBPF_MAX_IDS; i++) {
		if (i >= n)
			break;
		if (ids[i] == id)
			return true;
	}
	return false;
}

static __always_inline bool below_cgroup(struct cgroup *cgrp, __u64 id)
{
	int level = BPF_CORE_READ(cgrp, level);

	for (int i = 0; i < 32; i++) {
		if (i > level)
			break;
		if (cgroup_ancestor(cgrp, i) == id)
			return true;
	}
	return false;
}

/* The most user namespaces between the viewer's and a task's. */
#define USER_NAMESPACES 4

/* Did the viewer make the user namespace, below its own? What is above that is in their hands. */
static __always_inline bool made_by_viewer(struct user_namespace *ns)
{
	for (int i = 0; i < USER_NAMESPACES; i++) {
		struct user_namespace *parent = BPF_CORE_READ(ns, parent);

		if (!parent)
			break;
		if (BPF_CORE_READ(parent, ns.inum) == owner.userns)
			return BPF_CORE_READ(ns, owner.val) == owner.uid;
		ns = parent;
	}
	return false;
}

#define TASK_READERS(HOW, READ, READ2) \
	static __always_inline __u32 task_nr_##HOW(struct task_struct *task) \
	{ \
		struct pid *pid; \
\
		if (!owner.level) \
			return READ(task, pid); \
		pid = READ(task, thread_pid); \
		if (!pid || READ(pid, level) < owner.level) /* released, or above the viewer */ \
			return 0; \
		return nr_below(pid); \
	} \
\
	static __always_inline __u32 task_tgnr_##HOW(struct task_struct *task) \
	{ \
		return owner.level ? task_nr_##HOW(READ(task, group_leader)) : READ(task, tgid); \
	} \
\
	static __always_inline __u64 permitted_##HOW(const struct cred *cred) \
	{ \
		struct cred___halves *old = (void *)cred; \
\
		if (bpf_core_field_exists(old->cap_permitted.cap)) \
			return READ(old, cap_permitted.cap[0]) | (__u64)READ(old, cap_permitted.cap[1]) << 32; \
		return READ(cred, cap_permitted.val); \
	} \
\
	static __always_inline bool dumpable_##HOW(struct task_struct *task) \
	{ \
		struct task_struct___exec *new = (void *)task; \
		struct mm_struct___word *old; \
		struct mm_struct *mm; \
		__u64 flags; \
\
		if (bpf_core_field_exists(new->exec_state)) \
			return READ2(new, exec_state, dumpable) == TASK_DUMPABLE_OWNER; \
		mm = READ(task, mm); \
		if (!mm) \
			return true; \
		old = (void *)mm; \
		if (bpf_core_field_exists(mm->flags.__mm_flags)) \
			flags = READ(mm, flags.__mm_flags[0]); \
		else \
			flags = READ(old, flags); \
		return (flags & DUMPABLE_MASK) == TASK_DUMPABLE_OWNER; \
	} \
\
	/* \
	 * May a process of the viewer's trace it? As ptrace asks (kernel/ptrace.c: __ptrace_may_access, and \
	 * security/commoncap.c), but for what a capability of the viewer's would permit besides: of set-uid and \
	 * set-gid programs, those with capabilities, and what will not be looked at, such as an agent with keys, the \
	 * caller is not the owner. Kernel threads run under root's uid but are nobody's. \
	 */ \
	static __always_inline bool traceable_##HOW(struct task_struct *task) \
	{ \
		const struct cred *cred = READ(task, real_cred); \
		struct user_namespace *users; \
\
		if (READ(cred, uid.val) != owner.uid || READ(cred, euid.val) != owner.uid || \
		    READ(cred, suid.val) != owner.uid || READ(task, flags) & PF_KTHREAD) \
			return false; \
		if (READ(cred, gid.val) != owner.gid || READ(cred, egid.val) != owner.gid || \
		    READ(cred, sgid.val) != owner.gid) \
			return false; \
		users = READ(cred, user_ns); \
		if (READ(users, ns.inum) == owner.userns ? permitted_##HOW(cred) & ~owner.caps \
							 : !made_by_viewer(users)) \
			return false; \
		return dumpable_##HOW(task); \
	} \
\
	/* Is the task the viewer's, whatever the narrowing? Says which ids it has there. */ \
	static __always_inline bool in_scope_##HOW(struct task_struct *task, struct cbpf_subject *who) \
	{ \
		switch (owner.scope) { \
		case CBPF_USER: \
			if (!traceable_##HOW(task)) \
				return false; \
			break; \
		case CBPF_PIDNS: /* being visible is the test */ \
		case CBPF_CGROUP: \
		case CBPF_HOST: \
			break; \
		default: \
			return false; \
		} \
		who->tid = task_nr_##HOW(task); \
		if (!who->tid && owner.scope != CBPF_HOST) /* invisible, or an idle task */ \
			return false; \
		who->pid = task_tgnr_##HOW(task); \
		return owner.scope != CBPF_CGROUP || below_cgroup(READ2(task, cgroups, dfl_cgrp), owner.cgroup); \
	} \
\
	static __always_inline bool own_##HOW(struct task_struct *task, struct cbpf_owned *o) \
	{ \
		o->ok = 0; \
		if (READ(task, tgid) == owner.self_ || !in_scope_##HOW(task, &o->who)) \
			return false; \
		if (owner.in_cgroup && !below_cgroup(READ2(task, cgroups, dfl_cgrp), owner.in_cgroup)) \
			return false; \
		if (owner.has_only_uid && READ2(task, real_cred, uid.val) != owner.only_uid) \
			return false; \
		if (owner.npids && !listed(owner.pids, owner.npids, o->who.pid)) \
			return false; \
		if (owner.ntids && !listed(owner.tids, owner.ntids, o->who.tid)) \
			return false; \
		if (owner.family && !raw_get(&family, &o->who.pid)) \
			return false; \
		o->task = task; \
		o->ok = 1; \
		return true; \
	}

TASK_READERS(btf, READ_BTF, READ2_BTF)
TASK_READERS(any, READ_ANY, READ2_ANY)

/* A task that an argument of a tp_btf, fentry or iterator program names. */
static __always_inline bool own_task(struct task_struct *task, struct cbpf_owned *o)
{
	return own_btf(task, o);
}

/* The current task; in an interrupt the one that was interrupted. */
static __always_inline bool own_current(struct cbpf_owned *o)
{
	if (HAVE_CURRENT_BTF)
		return own_btf(bpf_get_current_task_btf(), o);
	return own_any((struct task_struct *)bpf_get_current_task(), o);
}

/*
 * The pid of another task that an event names, a parent say; 0 when it is not the viewer's and must not be told.
 * Narrowing does not hide it: that says whose events are wanted, not who may be named.
 */
static __always_inline __u32 owned_pid(struct task_struct *task)
{
	struct cbpf_subject who = {};

	return task && in_scope_any(task, &who) ? who.pid : 0;
}

/* The same for a thread, with its name: false, and nothing is told, when it is not the viewer's. */
static __always_inline bool owned_thread(struct task_struct *task, struct cbpf_subject *who)
{
	if (!task || !in_scope_any(task, who))
		return false;
	BPF_CORE_READ_STR_INTO(&who->comm, task, comm);
	return true;
}

/* Completes what is known of a proof's subject; comm and uid cost reads that a dropped event should not pay. */
static __always_inline void describe(owner_t o, struct cbpf_subject *who)
{
	struct task_struct *task = o.task; /* a relocated access may not go through our own struct */

	who->pid = o.who.pid;
	who->tid = o.who.tid;
	who->anonymous = o.who.anonymous;
	if (!task) {
		who->uid = o.who.uid;
		__builtin_memcpy(who->comm, o.who.comm, CBPF_COMM_LEN);
		return;
	}
	who->uid = BPF_CORE_READ(task, real_cred, uid.val);
	BPF_CORE_READ_STR_INTO(&who->comm, task, comm);
}

#endif
