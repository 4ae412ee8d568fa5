// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cachestat: how much of what tasks read is in the page cache already. What is read is marked as accessed, a function;
 * what was not there is added, a tracepoint. Since 5.16 both are about folios, of one page or several, and the
 * functions of old are hardly called any more: so there are two groups of sets. Reads ahead count as added by whoever
 * caused them. What is written is added too, and dirtied: the report takes that off. What a kernel thread reads for
 * somebody has no owner here.
 */
#include "cachestat.h"
#include "hist.bpf.h"

REPORT(counters, HASH, 8, __u32, struct cbpf_tally);

static __always_inline int count(owner_t o, __u32 what)
{
	tally_add(o, &counters, &what, 1);
	return 0;
}

TRACE_FUNCTION("", (1, 2, 3), "folio_mark_accessed", folio_accessed)
{
	return count(o, CACHESTAT_ACCESSED);
}

/* Before 5.16, and then under this name too where nobody has changed it. */
TRACE_FUNCTION("", (4, 5, 6), "mark_page_accessed", page_accessed)
{
	return count(o, CACHESTAT_ACCESSED);
}

/* Accessed as well, but by the task that wrote it. */
TRACE_FUNCTION("", (1, 2, 3), "mark_buffer_dirty", buffer_dirtied)
{
	return count(o, CACHESTAT_BUFFER_DIRTIED);
}

TRACE_FUNCTION("", (4, 5, 6), "mark_buffer_dirty", old_dirtied)
{
	return count(o, CACHESTAT_BUFFER_DIRTIED);
}

TRACE_CURRENT("set=1,2,3,4,5,6", "tp_btf/mm_filemap_add_to_page_cache", added)
{
	return count(o, CACHESTAT_ADDED);
}

TRACE_CURRENT("set=1,2,3", "tp_btf/writeback_dirty_folio", folio_dirtied)
{
	return count(o, CACHESTAT_DIRTIED);
}

TRACE_CURRENT("set=4,5,6", "tp_btf/writeback_dirty_page", page_dirtied)
{
	return count(o, CACHESTAT_DIRTIED);
}
