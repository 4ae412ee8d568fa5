// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * llcstat: references to the last-level cache and misses, by owned task. The hardware counts both on each CPU, for
 * whoever runs there, and interrupts once per period: the task that it interrupts stands for the whole period. So the
 * numbers are estimates, a miss may even be seen whose reference was not, and the interrupt comes a few instructions
 * late, around a switch in the next task. What the kernel does for a task, or in interrupts that hit it, is its too.
 */
#include "llcstat.h"
#include "hist.bpf.h"

const volatile bool by_thread;

/* The total of a value is in events, not in samples. */
REPORT(tallies, HASH, 10240, struct llcstat_key, struct cbpf_tally);

static __always_inline void sampled(owner_t o, struct bpf_perf_event_data *ctx, bool miss)
{
	struct llcstat_key key = {
		.pid = o.who.pid,
		.tid = by_thread ? o.who.tid : 0,
		.cpu = bpf_get_smp_processor_id(),
		.miss = miss,
	};

	tally_add(o, &tallies, &key, ctx->sample_period);
}

TRACE_SAMPLE("", references)
{
	sampled(o, ctx, false);
	return 0;
}

TRACE_SAMPLE("", misses)
{
	sampled(o, ctx, true);
	return 0;
}
