// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hardirqs: how long the handlers of device interrupts ran, and so what they took from the task that they interrupted,
 * which is the subject. Only handlers of devices pass here: neither the local timer nor interrupts between
 * processors do, and not what a handler leaves to a thread or a softirq. Handlers on a shared line each have a name.
 */
#include "hardirqs.h"
#include "hist.bpf.h"

const volatile bool by_cpu;
const volatile bool distributed;
const volatile __s32 only_cpu = -1;

/*
 * When a handler began, by CPU and interrupt, 0: it does not run. An interrupt within an interrupt is another one, so
 * it has a start of its own; the handlers of a shared line run one after the other.
 */
MAP(start, HASH, 10240, __u64, __u64);
REPORT(tallies, HASH, 4096, struct hardirqs_key, struct cbpf_tally);
REPORT(hists, HASH, 4096, struct hardirqs_key, struct cbpf_hist);

TRACE_INTERRUPTED("", "tp_btf/irq_handler_entry", handler_begins, int irq)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 key = (__u64)cpu << 32 | (__u32)irq;
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

TRACE_INTERRUPTED("", "tp_btf/irq_handler_exit", handler_ends, int irq, struct irqaction *action)
{
	__u64 took, now = bpf_ktime_get_ns(), *at;
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 handler = (__u64)cpu << 32 | (__u32)irq;
	struct hardirqs_key key = {};

	at = map_get(o, &start, &handler);
	if (!at || !*at)
		return 0;
	took = now - *at;
	*at = 0;
	bpf_probe_read_kernel_str(key.name, sizeof(key.name), action->name);
	if (by_cpu)
		key.cpu = cpu;
	if (distributed)
		hist_add_ns(o, &hists, &key, took);
	else
		tally_add(o, &tallies, &key, took);
	return 0;
}
