// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * oomkill: processes that the kernel kills because memory has run out. The victim is the subject: whoever wanted the
 * memory (the current task) may be another's, and is named only if it is the viewer's. The tracepoint is reached for
 * each process that is killed, with memory.oom.group for every one of the group, and for one that is on its way out
 * already and is given the last of the memory for it. 5.10 and 6.1 have it with a task since a stable update; before
 * that it had a number, which names nobody's task here.
 */
#include "oomkill.h"

/* 6.2, f1a7941243c1: mm_struct.rss_stat was a struct of atomics and is an array of per-CPU counters. */
struct mm_rss_stat {
	atomic64_t count[4];
} RELOCATE;
struct mm_struct___atomic {
	struct mm_rss_stat rss_stat;
} RELOCATE;

#define MM_SWAPENTS 2
#define NR_MM_COUNTERS 4

/*
 * Of per-CPU counters that which has been summed up: a few pages are missing. The choice is between numbers, not
 * between accesses: the compiler would make one access of two, and one of them is in no kernel.
 */
static __always_inline __u64 resident_pages(struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 at, size = sizeof(atomic64_t);
	__s64 sum = 0, n;

	if (bpf_core_type_exists(struct mm_rss_stat)) {
		at = bpf_core_field_offset(struct mm_struct___atomic, rss_stat);
		barrier_var(at);
	} else {
		at = bpf_core_field_offset(struct mm_struct, rss_stat) +
		     bpf_core_field_offset(struct percpu_counter, count);
		barrier_var(at);
		size = bpf_core_type_size(struct percpu_counter);
	}
	for (int i = 0; i < NR_MM_COUNTERS; i++) {
		n = 0;
		if (i != MM_SWAPENTS)
			bpf_probe_read_kernel(&n, sizeof(n), (void *)mm + at + i * size);
		sum += n > 0 ? n : 0;
	}
	return sum;
}

TRACE_TASK("", "tp_btf/mark_victim", victim_marked, task, struct task_struct *task)
{
	struct task_struct *by = (struct task_struct *)bpf_get_current_task();
	struct oomkill_event e = {};

	e.pages = resident_pages(task);
	e.by_pid = owned_pid(by);
	if (e.by_pid)
		bpf_get_current_comm(e.by_comm, sizeof(e.by_comm));
	emit(o, &e.head, sizeof(e));
	return 0;
}
