// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * biopattern: does the owned I/O of a disk go on where the owned I/O before it ended? Requests are looked at in the
 * order in which they are done, as with bcc. What others do in between is not known here and not counted: an owned
 * request that follows the last owned one is sequential, wherever the disk has been meanwhile.
 */
#include "biopattern.h"
#include "hist.bpf.h"
#include "block.bpf.h"

/* Where the last request of each disk ended, a sector. */
MAP(ends, HASH, 256, __u32, __u64);
REPORT(tallies, HASH, 768, struct biopattern_key, struct cbpf_tally);

TRACE_IO_DONE("", done)
{
	__u64 sector = io_sector(io, rq), end = sector + (io->bytes >> 9), *last;
	struct biopattern_key key = {};

	/* A flush, or a command for a driver, is nowhere. */
	if (!io->bytes || (rq->cmd_flags & REQ_OP_MASK) >= REQ_OP_PASSTHROUGH)
		return;
	key.dev = disk_dev(request_disk(rq));
	last = map_get(o, &ends, &key.dev);
	if (!last)
		key.kind = BIOPATTERN_FIRST;
	else
		key.kind = *last == sector ? BIOPATTERN_SEQUENTIAL : BIOPATTERN_RANDOM;
	if (map_put(o, &ends, &key.dev, &end))
		tally_add(o, &tallies, &key, io->bytes);
}
