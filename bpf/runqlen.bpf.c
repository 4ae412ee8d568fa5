// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * runqlen: how many tasks wait for the CPU that an owned one has, sampled. An idle CPU runs nobody's task, so it is
 * sampled in scope `host` only. A task waits in the queue of its own cgroup (where the CPU controller is on),
 * and only that is looked at: in it stand those that compete with it directly, a group below it counting as one.
 */
#include "hist.bpf.h"
#include "sample.bpf.h"

const volatile bool by_cpu;
const volatile bool whole_cpu;

REPORT(lengths, HASH, 1024, __u32, struct cbpf_hist); /* by CPU */

/* What these were called before. Some stable kernels have the later name of the one, the earlier of the other. */
struct cfs_rq___before {
	unsigned int nr_running;   /* 6.14, 736c55a02c47: nr_queued */
	unsigned int h_nr_running; /* 6.14, 7b8a702d943c, and 6.12.37: h_nr_queued */
	unsigned int h_nr_delayed; /* 6.13, 76f2f783294d, to 6.14: h_nr_queued - h_nr_runnable */
} RELOCATE;

/*
 * Since 6.12 a task that went to sleep before its share was used up stays in the queue for a while. How many do is only
 * known together with the groups below, so it is taken off where there are none.
 */
static __always_inline __u32 queue_length(struct cfs_rq *queue)
{
	struct cfs_rq___before *before = (void *)queue;
	__u32 here, all, asleep;

	if (bpf_core_field_exists(queue->nr_queued))
		here = BPF_CORE_READ(queue, nr_queued);
	else
		here = BPF_CORE_READ(before, nr_running);
	if (bpf_core_field_exists(queue->h_nr_queued))
		all = BPF_CORE_READ(queue, h_nr_queued);
	else
		all = BPF_CORE_READ(before, h_nr_running);
	if (bpf_core_field_exists(queue->h_nr_runnable))
		asleep = all - BPF_CORE_READ(queue, h_nr_runnable);
	else if (bpf_core_field_exists(before->h_nr_delayed))
		asleep = BPF_CORE_READ(before, h_nr_delayed);
	else
		asleep = 0;
	return all == here && asleep <= here ? here - asleep : here;
}

SAMPLE_CPU_TIME(sample)
{
	struct cfs_rq *queue = BPF_CORE_READ(task, se.cfs_rq);
	__u32 key = by_cpu ? cpu : 0;
	__u32 length;
	bool in_it;

	if (whole_cpu && owner.scope == CBPF_HOST) { /* it tells of everybody's tasks */
		length = BPF_CORE_READ(queue, rq, nr_running);
		in_it = BPF_CORE_READ(task, pid); /* an idle task is in no queue */
	} else {
		length = queue_length(queue);
		in_it = BPF_CORE_READ(task, se.on_rq); /* nor is one of the real-time classes in this one */
	}
	if (in_it && length)
		length--;
	hist_many(o, map_get_or_zero(o, &lengths, &key, &no_hist), length, length, samples);
	return 0;
}
