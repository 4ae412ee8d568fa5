// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * biosnoop: each owned block request when it is done, with the task that submitted it. Of a merged request that is the
 * task of its first bio, as the latency is that of the whole. What the journal of a file system writes for an fsync()
 * is its own thread's.
 */
#include "biosnoop.h"
#include "block.bpf.h"

const volatile __u64 min_ns;

TRACE_IO_DONE("", done)
{
	struct biosnoop_event e = {};

	e.ns = bpf_ktime_get_ns() - io->issued;
	if (e.ns < min_ns)
		return;
	e.was_queued = io->who.ts < io->issued;
	e.queued = io->issued - io->who.ts;
	e.sector = io_sector(io, rq);
	e.dev = disk_dev(request_disk(rq));
	e.flags = rq->cmd_flags;
	e.bytes = io->bytes;
	emit(o, &e.head, sizeof(e));
}
