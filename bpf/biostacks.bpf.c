// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * biostacks: how long owned block requests took, by the way through the kernel that their first bio came. The stack is
 * that of the submitting task when it hands the bio to the block layer; later the request is in anybody's context.
 */
#define BIO_STACK(o, ctx) stack_id(o, ctx, &stacks, 0)

#include "biostacks.h"
#include "hist.bpf.h"

MAP(stacks, STACK_TRACE, 4096, __u32, __u64[64]);

#include "block.bpf.h"

REPORT(hists, HASH, 4096, struct biostacks_key, struct cbpf_hist);

TRACE_IO_DONE("", done)
{
	struct biostacks_key key = {};

	key.pid = io->who.pid;
	key.dev = disk_dev(request_disk(rq));
	key.stack = io->stack;
	hist_add_ns(o, &hists, &key, bpf_ktime_get_ns() - io->issued);
}
