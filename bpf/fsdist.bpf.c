// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* fsdist: how long reads, writes, opens, syncs and looks at files take, as histograms. fsop.bpf.h says what is
 * measured. */
#include "fsop.bpf.h"
#include "hist.bpf.h"

REPORT(hists, HASH, 16, __u32, struct cbpf_hist);

TRACE_FS_DONE(fs_call_ends)
{
	hist_add_ns(o, &hists, &at->op, took);
}
