/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The helpers that let something out, each called here and nowhere else: the build refuses an object in which one is
 * called from another file, by whatever name or number (audit.rs). For the headers that ask for a proof first;
 * cbpf.bpf.h poisons these functions for tools.
 */
#ifndef CBPF_RAW_BPF_H
#define CBPF_RAW_BPF_H

/* Or the compiler would make one call of two in different places, and that would be nowhere. */
#define APART __attribute__((nomerge))

static __always_inline void *raw_get(void *map, const void *key)
{
	APART return bpf_map_lookup_elem(map, key);
}

static __always_inline long raw_put(void *map, const void *key, const void *value, __u64 flags)
{
	APART return bpf_map_update_elem(map, key, value, flags);
}

static __always_inline void raw_del(void *map, const void *key)
{
	APART bpf_map_delete_elem(map, key);
}

static __always_inline long raw_send(void *ring, void *data, __u64 size, __u64 flags)
{
	APART return bpf_ringbuf_output(ring, data, size, flags);
}

static __always_inline long raw_stack(void *ctx, void *stacks, __u64 flags)
{
	APART return bpf_get_stackid(ctx, stacks, flags);
}

/* The kernel's name for the address of a call's return; for users who may know names, not addresses (5.15). */
static __always_inline long raw_name(char *to, __u32 size, const char *fmt, __u64 *address)
{
	APART return bpf_snprintf(to, size, fmt, address, sizeof(*address));
}

/*
 * Kernel functions, each under a number that no helper has: the engine puts in the call, or nothing where the kernel
 * has no such function (KERNEL_FUNCTIONS in check.rs; libbpf would look for each among all of the kernel's types).
 *
 * Tracepoint programs can be preempted since 7.0, those at functions on all kernels that preempt, and what is put
 * together in memory of the CPU would then be mixed up. (Switching preemption on again is where they are preempted
 * instead; until they go on the kernel skips the same tracepoint program for everybody else on that CPU. Those are the
 * `missed` events of the closing line; nothing that a program can do prevents them.)
 */
static __always_inline void raw_preempt_disable(void) /* 6.10, fc7566ad0a82 */
{
	APART((void (*)(void))0x7cbf0000)();
}

static __always_inline void raw_preempt_enable(void)
{
	APART((void (*)(void))0x7cbf0001)();
}

/*
 * For uprobe programs, before anything else. Since 6.13 (e00931c02568) all runs of a program on a CPU share one stack
 * if they need 64 bytes of it, because no program runs twice there; but uprobe programs do, when they are preempted.
 * They then go on with another task's data: its proof of ownership, or its pointers, which crashes the machine
 * (tests/src/preempted.rs). No program that has a tail call gets such a stack, not even one that is never reached.
 */
static __always_inline void raw_own_stack(void *ctx, void *map, bool never)
{
	if (never) {
		APART bpf_tail_call(ctx, map, 0);
	}
}

#endif
