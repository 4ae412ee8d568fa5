// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ksnoop: arguments and results of functions of the kernel, of each call when it returns. The user says which are
 * wanted, but not reliably that they are numbers: outside of scope host no value leaves that looks like an address
 * of the kernel's, whatever its type is said to be, and nothing is read through one.
 */
#include "ksnoop.h"
#define CALL_DETAILS \
	__u64 values[KSNOOP_VALUES]; \
	__u32 function; \
	__u32 hidden; \
	__u32 unread; \
	__u32 whole;
#define CALL_DEPTH 16
#define CALL_THREADS 2048
#include "calls.bpf.h"

/* What is wanted of each function, how many arguments it has, and how many functions there are. */
const volatile struct ksnoop_wants wants0, wants1, wants2, wants3;
const volatile __u32 arguments0, arguments1, arguments2, arguments3;
const volatile __u32 functions;
/* Only calls within one of the function before, and only where the last one was called too. */
const volatile bool in_order;

const volatile bool use1, use2, use3;

/* In the kernel's half, wherever that begins: it depends on the levels of page tables. The last page is errors. */
static __always_inline bool is_address(__u64 value)
{
	return value >> 63 && value < -4096ULL;
}

static __always_inline __u64 argument(void *context, const bool trampoline, __u32 nth)
{
	/* Where registers have them: rdi, rsi, rdx, rcx, r8, r9. */
	switch (nth) {
	case 0:
		return trampoline ? frame_of(CTX_ARG(context, 0)) : (__u64)CTX_ARG(context, 14);
	case 1:
		return trampoline ? frame_of(CTX_ARG(context, 1)) : (__u64)CTX_ARG(context, 13);
	case 2:
		return trampoline ? frame_of(CTX_ARG(context, 2)) : (__u64)CTX_ARG(context, 12);
	case 3:
		return trampoline ? frame_of(CTX_ARG(context, 3)) : (__u64)CTX_ARG(context, 11);
	case 4:
		return trampoline ? frame_of(CTX_ARG(context, 4)) : (__u64)CTX_ARG(context, 9);
	default:
		return trampoline ? frame_of(CTX_ARG(context, 5)) : (__u64)CTX_ARG(context, 8);
	}
}

/* Behind the arguments, or in rax. */
static __always_inline __u64 result(void *context, const bool trampoline, __u32 arguments)
{
	if (!trampoline)
		return (__u64)CTX_ARG(context, 10);
	if (arguments == 6)
		return frame_of(CTX_ARG(context, 6));
	return argument(context, true, arguments);
}

static __always_inline void take(struct call *call, const volatile struct ksnoop_want *want, int n, __u64 value)
{
	__u64 next;

	for (int i = 0; i < KSNOOP_STEPS; i++) {
		if (i >= want->steps || owner.scope != CBPF_HOST)
			break;
		if (bpf_probe_read_kernel(&next, sizeof(next), (void *)(value + want->offsets[i]))) {
			call->unread |= 1 << n;
			return;
		}
		value = next;
	}
	if (owner.scope == CBPF_HOST || (!is_address(value) && !want->steps))
		call->values[n] = value;
	else
		call->hidden |= 1 << n;
}

static __always_inline int begins(owner_t o, void *context, const bool trampoline, __u64 frame, __u32 function,
				  const volatile struct ksnoop_wants *wants)
{
	struct calls *in = calls_before(o, frame);
	struct call *call;

	if (!in)
		return 0;
	if (in_order && function) {
		__u64 last = in->count - 1;

		if (!in->count || in->at[MASKED(last, CALL_DEPTH)].function != function - 1)
			return 0;
	}
	call = call_begins(o, in, frame);
	if (!call)
		return 0;
	call->function = function;
	call->hidden = 0;
	call->unread = 0;
	call->whole = !in_order;
	for (int i = 0; i < KSNOOP_VALUES; i++) {
		call->values[i] = 0;
		if (wants->of[i].root < KSNOOP_RESULT)
			take(call, &wants->of[i], i, argument(context, trampoline, wants->of[i].root));
	}
	for (int i = 0; in_order && function + 1 == functions && i < CALL_DEPTH; i++)
		in->at[i].whole = 1;
	call->ts = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int ends(owner_t o, void *context, const bool trampoline, __u64 frame, __u32 function,
				const volatile struct ksnoop_wants *wants, __u32 arguments)
{
	__u64 now = bpf_ktime_get_ns();
	struct call *call = call_ends(o, frame);
	struct ksnoop_event e = {};

	if (!call || call->function != function || !call->whole)
		return 0;
	for (int i = 0; i < KSNOOP_VALUES; i++)
		if (wants->of[i].root == KSNOOP_RESULT)
			take(call, &wants->of[i], i, result(context, trampoline, arguments));
	e.took = now - call->ts;
	__builtin_memcpy(e.values, call->values, sizeof(e.values));
	e.function = function;
	e.cpu = bpf_get_smp_processor_id();
	e.hidden = call->hidden;
	e.unread = call->unread;
	emit(o, &e.head, sizeof(e));
	return 0;
}

#define SNOOP(n, opts) \
	TRACE_NAMED(opts "nth=" #n, FUNCTION_SETS, begins##n) \
	{ \
		return begins(o, context, trampoline, frame, n, &wants##n); \
	} \
	TRACE_NAMED_END(opts "nth=" #n, FUNCTION_SETS, ends##n) \
	{ \
		return ends(o, context, trampoline, frame, n, &wants##n, arguments##n); \
	}

SNOOP(0, "")
SNOOP(1, "when=use1 ")
SNOOP(2, "when=use2 ")
SNOOP(3, "when=use3 ")
