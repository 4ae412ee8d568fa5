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

/* The kernel's name for the address of a call's return; for who may know names, and not addresses (Linux 5.15). */
static __always_inline long raw_name(char *to, __u32 size, const char *fmt, __u64 *address)
{
	APART return bpf_snprintf(to, size, fmt, address, sizeof(*address));
}

#endif
