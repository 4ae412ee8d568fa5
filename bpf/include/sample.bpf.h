/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples of the tasks that have a CPU, at a rate per second of CPU time, in one of two ways.
 *
 * A perf event of the clock interrupts each CPU, idle or not. Where it may not be opened, by a token say, tasks can
 * still be sampled by the run time that the scheduler accounts for: sched_stat_runtime says of each task how long it
 * has just run, at ticks and switches, and before a task is put into its queue or taken off it. A sample is due
 * whenever the sum of that passes a multiple of the period; the sum begins with a number of the task's own, or short
 * tasks would never get there. So there are as many samples as by the clock, and where none is due that costs two
 * divisions.
 *
 * What differs is what a sample sees: not the moment when it was due, but the one when that time is accounted for, up
 * to a tick later. The queue is still as it was then; a CPU's frequency may be another. Of several that are due at
 * once, because ticks are rarer, all see the same. Before 5.16 only tasks of the fair class are accounted for by that
 * tracepoint.
 */
#ifndef CBPF_SAMPLE_BPF_H
#define CBPF_SAMPLE_BPF_H

const volatile __u64 sample_ns; /* knob: CPU time from one sample to the next */
const volatile bool with_idle;  /* knob: idle CPUs are to be sampled too */

/*
 * How many samples are due now that the task has run for `runtime` more. The sum begins with the task's time of start,
 * but stirred: parents get their CPU at ticks, and of children that are started soon after one and are short no sum
 * would pass a multiple of a period that is the ticks' own.
 */
static __always_inline __u64 samples_due(struct task_struct *task, __u64 runtime)
{
	__u64 sum = (task->start_time * 0x61c8864680b583eb >> 32) + task->se.sum_exec_runtime;

	return sum / sample_ns - (sum - runtime) / sample_ns;
}

/*
 * The body gets the sampled task, its CPU, and how many samples this is. A remote CPU may do the accounting: neither
 * `current` nor the CPU that the program runs on are then those that it is about.
 */
#define SAMPLE_CPU_TIME(name) \
	static __always_inline int name##_sampled(owner_t o, struct task_struct *task, __u32 cpu, __u64 samples); \
	TRACE_SAMPLE("set=1", name) \
	{ \
		struct task_struct *task = (struct task_struct *)bpf_get_current_task(); \
\
		return name##_sampled(o, task, bpf_get_smp_processor_id(), 1); \
	} \
	TRACE_TASK_IF("set=2 unless=with_idle", "tp_btf/sched_stat_runtime", name##_by_run_time, (task), \
		      (samples_due(task, runtime)), struct task_struct *task, __u64 runtime) \
	{ \
		return name##_sampled(o, task, task->se.cfs_rq->rq->cpu, samples_due(task, runtime)); \
	} \
	static __always_inline int name##_sampled(owner_t o, struct task_struct *task, __u32 cpu, __u64 samples)

#endif
