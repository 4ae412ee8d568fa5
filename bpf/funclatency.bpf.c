// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * funclatency: how long calls of a function take, of the kernel or of a program: sets 1 to 3, or 4 and 5. What a call
 * is calls.bpf.h says.
 */
#define CALL_DETAILS
#define CALL_DEPTH 32
#define CALL_THREADS 10240
#include "calls.bpf.h"
#include "hist.bpf.h"

REPORT(hists, HASH, 1, __u32, struct cbpf_hist);

static __always_inline int begins(owner_t o, __u64 frame)
{
	struct calls *in = calls_before(o, frame);
	struct call *call = in ? call_begins(o, in, frame) : 0;

	if (call)
		call->ts = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int ends(owner_t o, __u64 frame)
{
	__u64 now = bpf_ktime_get_ns();
	struct call *call = call_ends(o, frame);
	__u32 zero = 0;

	if (call)
		hist_add_ns(o, &hists, &zero, now - call->ts);
	return 0;
}

TRACE_NAMED("", FUNCTION_SETS, named_begins)
{
	return begins(o, frame);
}

TRACE_NAMED_END("", FUNCTION_SETS, named_ends)
{
	return ends(o, frame);
}

TRACE_CALL("", (4, 5), user_begins)
{
	return begins(o, PT_REGS_SP(ctx));
}

TRACE_RETURN("", (4, 5), user_ends)
{
	return ends(o, RETURNED_FRAME(ctx));
}
