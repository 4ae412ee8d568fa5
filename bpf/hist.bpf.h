/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting in the kernel. Values only ever grow: the report subtracts what it saw last, so that no event falls
 * between a read and a reset.
 */
#ifndef CBPF_HIST_BPF_H
#define CBPF_HIST_BPF_H

static const struct cbpf_hist no_hist;
static const struct cbpf_tally no_tally;

static __always_inline __u32 log2_slot(__u64 v)
{
	__u32 slot = 0;

	if (v >> 32) {
		v >>= 32;
		slot = 32;
	}
	for (int bits = 16; bits; bits >>= 1) {
		if (v >> bits) {
			v >>= bits;
			slot += bits;
		}
	}
	return slot < CBPF_HIST_SLOTS ? slot : CBPF_HIST_SLOTS - 1;
}

/* Puts the subject's comm on a value that was just made. */
static __always_inline void sign(owner_t o, __u8 *comm)
{
	struct cbpf_subject who = {};

	if (comm[0])
		return;
	describe(o, &who);
	__builtin_memcpy(comm, who.comm, CBPF_COMM_LEN);
}

/* One event more in slot `slot` of the histogram of `key`; `value` adds to its sum. */
static __always_inline void hist_count(owner_t o, void *map, const void *key, __u32 slot, __u64 value)
{
	struct cbpf_hist *h = map_get_or_zero(o, map, key, &no_hist);

	if (!h)
		return;
	sign(o, h->comm);
	if (slot >= CBPF_HIST_SLOTS)
		slot = CBPF_HIST_SLOTS - 1;
	COUNT(h->slots[slot]);
	__sync_fetch_and_add(&h->total, value);
	matched(o);
}

/* The same with powers of two. */
static __always_inline void hist_add(owner_t o, void *map, const void *key, __u64 value)
{
	hist_count(o, map, key, log2_slot(value), value);
}

/* One event more under `key`; `amount` adds to its total. */
static __always_inline void tally_add(owner_t o, void *map, const void *key, __u64 amount)
{
	struct cbpf_tally *t = map_get_or_zero(o, map, key, &no_tally);

	if (!t)
		return;
	sign(o, t->comm);
	COUNT(t->count);
	__sync_fetch_and_add(&t->total, amount);
	if (amount > t->max)
		t->max = amount;
	matched(o);
}

#endif
