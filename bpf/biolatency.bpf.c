// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * biolatency: how long the owned block requests took, from where they were issued to their driver (or entered an I/O
 * scheduler) to where they were done. What the journal of a file system writes for an fsync() is its own thread's.
 */
#include "biolatency.h"
#include "hist.bpf.h"
#include "block.bpf.h"

const volatile bool by_disk;
const volatile bool by_flags;

/* REQ_SYNC to REQ_NOWAIT (enum req_flag_bits, the same since 5.10), and the operation: what has a name. */
#define NAMED_FLAGS (0x3ff800 | 0xff)

REPORT(hists, HASH, 1024, struct biolatency_key, struct cbpf_hist);

TRACE_IO_DONE("", done)
{
	struct biolatency_key key = {};
	__u64 ns = bpf_ktime_get_ns() - io->who.ts;

	if (by_disk)
		key.dev = disk_dev(request_disk(rq));
	if (by_flags)
		key.flags = rq->cmd_flags & NAMED_FLAGS;
	/* The sum stays in nanoseconds: what is below the unit would add up to nothing. */
	hist_count(o, &hists, &key, log2_slot(ns / unit), ns);
}
