// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * vfsstat: reads, writes and other things done with files, sockets and pipes, counted at the end of the system call
 * that asks for them, if that succeeds. So a readv counts as a read, and an open that makes its file as an open and
 * as a create; what the kernel reads for itself (programs, say) does not.
 */
#include "file.bpf.h"
#include "hist.bpf.h"

REPORT(counters, HASH, 16, __u32, struct cbpf_tally);

static __always_inline bool counts_as_op(struct pt_regs *regs, long ret)
{
	return ret >= 0 && may_be_op(regs);
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", call_ends, counts_as_op(regs, ret), struct pt_regs *regs, long ret)
{
	__u32 op = file_op(regs), create = CBPF_FILE_CREATE;
	struct open_file open;
	struct file *file;

	if (op == CBPF_FILE_NONE || op == CBPF_FILE_GETATTR)
		return 0;
	tally_add(o, &counters, &op, 1);
	if (op != CBPF_FILE_OPEN)
		return 0;
	open = current_file(ret);
	file = open.file;
	if (file && BPF_CORE_READ(file, f_mode) & FMODE_CREATED && still_open(&open))
		tally_add(o, &counters, &create, 1);
	return 0;
}
