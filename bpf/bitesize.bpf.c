// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bitesize: how large the owned block requests are when they are issued to their driver, by the name of the thread that
 * submitted them. Issued they are in anybody's context, a worker's of the kernel mostly, so that is not asked. A
 * request is counted when it is done: one that its driver took twice is one, and it has the size it had when issued
 * first.
 */
#include "bitesize.h"
#include "hist.bpf.h"
#include "block.bpf.h"

/* The name begins with this; empty: any. */
const volatile char comm_start[CBPF_COMM_LEN];

REPORT(hists, HASH, 10240, struct bitesize_key, struct cbpf_hist);

static __always_inline bool starts(const __u8 *comm)
{
	for (int i = 0; i < CBPF_COMM_LEN && comm_start[i]; i++)
		if (comm[i] != (__u8)comm_start[i])
			return false;
	return true;
}

TRACE_IO_DONE("", done)
{
	struct bitesize_key key = {};

	/* What a NUL is followed by is not zeroed everywhere, and the key must not differ by it. */
	if (!io->who.anonymous)
		bpf_probe_read_kernel_str(key.comm, sizeof(key.comm), io->who.comm);
	if (starts(key.comm))
		hist_count(o, &hists, &key, log2_slot(io->bytes / 1024), io->bytes);
}
