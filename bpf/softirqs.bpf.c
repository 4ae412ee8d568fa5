// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * softirqs: how long the handlers of softirqs ran, and so what they took from the task that they interrupted, which is
 * the subject. It may have caused them, as a sender over loopback does, but mostly has not. What the thread ksoftirqd
 * handles is nobody's; how long a softirq waited for its handler is not in it.
 */
#include "hist.bpf.h"

const volatile bool distributed;
const volatile __s32 only_cpu = -1;

/* When a handler began, by CPU and softirq, 0: it does not run. On one CPU they run one after the other. */
MAP(start, HASH, 10240, __u64, __u64);
REPORT(tallies, HASH, 64, __u32, struct cbpf_tally); /* by softirq, of which there are ten */
REPORT(hists, HASH, 64, __u32, struct cbpf_hist);

TRACE_INTERRUPTED("", "tp_btf/softirq_entry", handler_begins, unsigned int nr)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 key = (__u64)cpu << 32 | nr;
	__u64 now = bpf_ktime_get_ns(), *at;

	if (only_cpu >= 0 && cpu != only_cpu)
		return 0;
	at = map_get(o, &start, &key);
	if (at)
		*at = now;
	else
		map_put(o, &start, &key, &now);
	return 0;
}

TRACE_INTERRUPTED("", "tp_btf/softirq_exit", handler_ends, unsigned int nr)
{
	__u64 took, now = bpf_ktime_get_ns(), *at;
	__u64 handler = (__u64)bpf_get_smp_processor_id() << 32 | nr;
	__u32 key = nr;

	at = map_get(o, &start, &handler);
	if (!at || !*at)
		return 0;
	took = now - *at;
	*at = 0;
	if (distributed)
		hist_add_ns(o, &hists, &key, took);
	else
		tally_add(o, &tallies, &key, took);
	return 0;
}
