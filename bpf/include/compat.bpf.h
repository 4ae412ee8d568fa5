/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where kernels differ: one accessor per difference, headed by what changed and when. A field that the
 * pinned vmlinux.h lacks stands in a struct with a ___ suffix, which CO-RE matches by the name before it.
 * Every choice is made by what BTF has, so that backports are right too.
 */
#ifndef CBPF_COMPAT_BPF_H
#define CBPF_COMPAT_BPF_H

#define RELOCATE __attribute__((preserve_access_index))

/* 5.11, 3ca1032ab7ab: bpf_get_current_task_btf(). Without it `current` can only be read through helpers. */
#define HAVE_CURRENT_BTF bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

/* 5.13, 7b15523a989b: bpf_snprintf(), which alone knows names of addresses. */
#define HAVE_SNPRINTF bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_snprintf)

/* 5.14, 2f064a59a11f: task_struct.state became __state. */
struct task_struct___state {
	volatile long state;
} RELOCATE;

static __always_inline long task_state(struct task_struct *task)
{
	struct task_struct___state *old = (void *)task;

	if (bpf_core_field_exists(old->state))
		return old->state;
	return task->__state;
}

/* The state in which a switch leaves a task. Preempted on its way to sleep it can still run, whatever it says. */
static __always_inline long state_left_in(bool preempt, struct task_struct *task)
{
	return preempt ? 0 : task_state(task);
}

/* By 7.2 task_struct.on_cpu is a u8 instead of an int. libbpf fits the size of a load to unsigned types only. */
struct task_struct___unsigned {
	unsigned int on_cpu;
} RELOCATE;

/* Does the task run, or is it about to be taken off its CPU? */
static __always_inline bool task_on_cpu(struct task_struct *task)
{
	return ((struct task_struct___unsigned *)task)->on_cpu;
}

/* 6.3, f122a08b197d: a set of capabilities became one number. */
struct cred___halves {
	struct {
		__u32 cap[2];
	} cap_permitted;
} RELOCATE;

/*
 * Whether a process may be dumped, and so traced, stands in the flags of its memory, which were a word until 6.18;
 * on 7.2 with what else exec decides. Memory that is not there any more, or not yet, says nothing.
 */
struct mm_struct___word {
	unsigned long flags;
} RELOCATE;
enum task_dumpable {
	TASK_DUMPABLE_OWNER = 1, /* before, SUID_DUMP_USER */
};
struct task_exec_state {
	enum task_dumpable dumpable;
} RELOCATE;
struct task_struct___exec {
	struct task_exec_state *exec_state;
} RELOCATE;
#define DUMPABLE_MASK 3 /* MMF_DUMPABLE_MASK, include/linux/mm_types.h */
/*
 * What `pid` is at `level`, or nothing. At the address of element 0 plus an offset, because a constant index above 0
 * fails CO-RE where the array is declared with one element (5.15).
 */
static __always_inline struct upid upid_at(struct pid *pid, __u32 level)
{
	void *numbers = (void *)__builtin_preserve_access_index(&pid->numbers[0]);
	struct upid upid = {};

	bpf_probe_read_kernel(&upid, sizeof(upid), numbers + level * bpf_core_type_size(struct upid));
	return upid;
}

/* 6.1, 7f203bc89eb6: cgroup.ancestor_ids became cgroup.ancestors. */
struct cgroup___ids {
	__u64 ancestor_ids[1];
} RELOCATE;

/* The kernfs id of the ancestor of `cgrp` at `level`, 0 when it cannot be read. */
static __always_inline __u64 cgroup_ancestor(struct cgroup *cgrp, int level)
{
	struct cgroup___ids *old = (void *)cgrp;
	struct cgroup *up = 0;
	__u64 id = 0;

	if (bpf_core_field_exists(old->ancestor_ids)) {
		bpf_probe_read_kernel(&id, sizeof(id),
				      (void *)__builtin_preserve_access_index(&old->ancestor_ids[0]) +
					      level * sizeof(id));
		return id;
	}
	bpf_probe_read_kernel(&up, sizeof(up),
			      (void *)__builtin_preserve_access_index(&cgrp->ancestors[0]) + level * sizeof(up));
	return BPF_CORE_READ(up, kn, id);
}

/*
 * 7.0, a46023d5616e: tracepoints are guarded by SRCU instead of by switching off preemption. Nothing else uses that
 * guard, and so its type is in the BTF of just the kernels that have it.
 */
typedef struct {
} class_srcu_fast_notrace_t;
#define TRACEPOINTS_ARE_PREEMPTED bpf_core_type_exists(class_srcu_fast_notrace_t)

/*
 * Argument `nth` of a tp_btf program. In assembly, because the compiler makes one load at a chosen place of two loads
 * at either of two places, and a context may not be read at a place that was computed (all of the ladder but 7.x).
 */
#define CTX_ARG(ctx, nth) \
	({ \
		__u64 ___arg; \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(___arg) : "r"(ctx), "i"((nth) * 8)); \
		(void *)___arg; \
	})

/*
 * A variable of which each CPU has its own, under a number that no address has: the engine puts in what stands for it,
 * or NULL where the kernel has no such variable (KERNEL_VARIABLES in check.rs).
 */
#define KERNEL_VARIABLE(number) \
	({ \
		void *___variable; \
		asm volatile("%0 = " #number " ll" : "=r"(___variable)); \
		___variable; \
	})

/*
 * What the CPU is doing besides running a task. The count was a variable of its own, part of another in 6.2 to 6.14
 * (64701838bf05, 46e8fff6d45f), and is one again; of whom BTF tells neither (Debian's 5.10) it has to be guessed.
 */
struct pcpu_hot {
	int preempt_count;
} RELOCATE;
#define PREEMPT_COUNT KERNEL_VARIABLE(0x7cbf000000000000)
#define PCPU_HOT KERNEL_VARIABLE(0x7cbf000100000000)

/* With PREEMPT_RT (53f9a77e5e0b in the real-time branch, 6.12 upstream) softirqs are counted by task. */
struct task_struct___rt {
	int softirq_disable_cnt;
} RELOCATE;

#define INTERRUPTED 0xff0100 /* NMI, hardirq, and serving a softirq: include/linux/preempt.h */
#define THREAD_SIZE 16384

/*
 * Does the current task itself do what is being done at `frame`, an address on the kernel's stack in use? Without the
 * count: in a system call of its own. What interrupts the kernel has another stack; what interrupts user space has the
 * task's, as page faults do, and leaves no number of a system call behind.
 */
static __always_inline bool on_own_behalf(__u64 frame)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct___rt *rt = (void *)task;
	void *alone = PREEMPT_COUNT, *hot = PCPU_HOT;
	struct pt_regs *regs;
	__u64 stack;
	int count;

	if (alone) {
		count = *(const int *)bpf_this_cpu_ptr(alone);
	} else if (hot) {
		count = ((struct pcpu_hot *)bpf_this_cpu_ptr(hot))->preempt_count;
	} else {
		stack = (__u64)BPF_CORE_READ(task, stack);
		regs = (void *)stack + THREAD_SIZE - bpf_core_type_size(struct pt_regs);
		return frame - stack < THREAD_SIZE && (long)BPF_CORE_READ(regs, orig_ax) >= 0;
	}
	if (bpf_core_field_exists(rt->softirq_disable_cnt))
		count |= BPF_CORE_READ(rt, softirq_disable_cnt) & INTERRUPTED;
	return !(count & INTERRUPTED);
}

/* 6.14, 4346ba160409: kprobe.multi is made of function graphs. */
struct fprobe_hlist {
} RELOCATE;
#define HAVE_FPROBE_GRAPHS bpf_core_type_exists(struct fprobe_hlist)

#endif
