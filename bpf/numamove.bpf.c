// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * numamove: pages that the kernel moves to the NUMA node of the task that uses them. It finds that out by a page fault,
 * and moves the page then and there: the current task is the one whose memory is moved, and whose time it takes. Pages
 * move for other reasons too, by the same function: the tracepoint names the reason. Before 5.16 huge pages were moved
 * by another function, which is not seen; their beginning is told since 5.16 by a tracepoint, before that by a
 * function.
 */
#include "numamove.h"

MAP(started, HASH, 10240, __u32, __u64); /* ns, by kernel tid */
REPORT(totals, HASH, 1, __u32, struct numamove_total);

static const struct numamove_total nothing;

static __always_inline bool misplaced(int reason)
{
	return reason == bpf_core_enum_value(enum migrate_reason, MR_NUMA_MISPLACED);
}

/* The last argument; 6.6, 49cac03a8f06: there is one more before it. */
static __always_inline int reason_of(unsigned long long *ctx)
{
	if (bpf_core_field_exists(struct trace_event_raw_mm_migrate_pages, large_folio_split))
		return (long)CTX_ARG(ctx, 7);
	return (long)CTX_ARG(ctx, 6);
}

static __always_inline int begins(owner_t o)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	map_put(o, &started, &tid, &now);
	return 0;
}

TRACE_CURRENT_IF("set=1", "tp_btf/mm_migrate_pages_start", move_begins, (misplaced(reason)), enum migrate_mode mode,
		 int reason)
{
	return begins(o);
}

TRACE_FUNCTION("", (2, 3, 4), "migrate_misplaced_page", page_begins)
{
	return begins(o);
}

/* In set 5 alone, where nothing says when it begins. */
TRACE_CURRENT_IF("set=1,2,3,4,5", "tp_btf/mm_migrate_pages", move_ends, (misplaced(reason_of(ctx))),
		 unsigned long moved, unsigned long failed)
{
	__u32 tid = bpf_get_current_pid_tgid(), all = 0;
	struct numamove_total *total = map_get_or_zero(o, &totals, &all, &nothing);
	__u64 *since = map_get(o, &started, &tid);

	if (total) {
		COUNT(total->times);
		__sync_fetch_and_add(&total->moved, moved);
		__sync_fetch_and_add(&total->failed, failed);
		__sync_fetch_and_add(&total->ns, since ? bpf_ktime_get_ns() - *since : 0);
		matched(o, 1);
	}
	map_del(o, &started, &tid);
	return 0;
}
