// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * fsslower: reads, writes, opens and syncs of files that take long. fsop.bpf.h says what is measured. The name is the
 * one by which the file was opened, as far as it has the descriptor still at the end of the call.
 */
#include "fsslower.h"
#include "fsop.bpf.h"

/* As long or longer, ns. */
const volatile __u64 least;

TRACE_FS_DONE(fs_call_ends)
{
	struct inode *inode = open->inode;
	struct fsslower_event *e;

	if (took < least)
		return;
	e = scratch(o, struct fsslower_event);
	if (!e)
		return;
	e->took = took;
	e->offset = at->offset;
	e->ret = ret;
	e->op = at->op;
	if (open->file) {
		bpf_probe_read_kernel_str(e->fs, sizeof(e->fs), BPF_CORE_READ(inode, i_sb, s_type, name));
		file_name(open->file, e->name);
		if (!still_open(open))
			e->fs[0] = e->name[0] = 0;
	}
	emit_scratch(o, e, 0);
}
