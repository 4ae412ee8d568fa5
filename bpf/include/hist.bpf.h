/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting in the kernel. Values only ever grow: the report subtracts what it saw last, so that no event falls
 * between a read and a reset.
 */
#ifndef CBPF_HIST_BPF_H
#define CBPF_HIST_BPF_H

static const struct cbpf_hist no_hist;
static const struct cbpf_tally no_tally;

/* Bits of arithmetic: the verifier would follow both ways of every branch, at each of six steps. */
static __always_inline __u32 log2_slot(__u64 v)
{
	__u64 slot = 0;

	v &= ~0ULL >> 1;
	for (int bits = 32; bits; bits >>= 1) {
		__u64 left = (1ULL << bits) - 1 - v; /* below 0 if v has more than `bits` bits */

		barrier_var(left); /* or clang makes it a branch after all */
		left = (left >> 63) * bits;
		v >>= left;
		slot += left;
	}
	return slot < CBPF_HIST_SLOTS ? slot : CBPF_HIST_SLOTS - 1;
}

/* Knob, an enum cbpf_comm: the values bear the name of the thread or of the process that the event is about. */
const volatile __u32 comm_of;

/* Whose event it is, by the same knob: the number of the thread or of the process, or 0 for all. */
static __always_inline __u32 signer(owner_t o)
{
	return comm_of == CBPF_PROCESS_COMM ? o.who.pid : comm_of == CBPF_THREAD_COMM ? o.who.tid : 0;
}

/* The name is taken anew at each event: whatever a shell starts bears the shell's name at first. */
static __always_inline void sign(owner_t o, __u8 *comm)
{
	struct task_struct *task = o.task;

	if (comm_of == CBPF_NO_COMM)
		return;
	if (!task)
		__builtin_memcpy(comm, o.who.comm, CBPF_COMM_LEN);
	else if (comm_of == CBPF_THREAD_COMM)
		bpf_probe_read_kernel_str(comm, CBPF_COMM_LEN, &task->comm);
	else
		bpf_probe_read_kernel_str(comm, CBPF_COMM_LEN, &BPF_CORE_READ(task, group_leader)->comm);
}

/* `n` events more in slot `slot` of a histogram that is in a map, or NULL; each adds `value` to its sum. */
static __always_inline void hist_many(owner_t o, struct cbpf_hist *h, __u32 slot, __u64 value, __u64 n)
{
	if (!h)
		return;
	sign(o, h->comm);
	if (slot >= CBPF_HIST_SLOTS)
		slot = CBPF_HIST_SLOTS - 1;
	__sync_fetch_and_add(&h->slots[slot], n);
	__sync_fetch_and_add(&h->total, value * n);
	matched(o, n);
}

/* One event more in the histogram of `key`. */
static __always_inline void hist_count(owner_t o, void *map, const void *key, __u32 slot, __u64 value)
{
	hist_many(o, map_get_or_zero(o, map, key, &no_hist), slot, value, 1);
}

/* The same with powers of two. */
static __always_inline void hist_add(owner_t o, void *map, const void *key, __u64 value)
{
	hist_count(o, map, key, log2_slot(value), value);
}

/* Knob: nanoseconds in the unit of histograms of times. */
const volatile __u32 unit = 1000;

/* The same with a time, ns. */
static __always_inline void hist_add_ns(owner_t o, void *map, const void *key, __u64 ns)
{
	hist_add(o, map, key, ns / unit);
}

/*
 * Knob: keep maxima too. Unlike counts they do not subtract, so the report says when a period ends (delta.rs), and
 * the period before stays as it is while the next one runs. Two CPUs at once may cost a maximum, never a count.
 */
const volatile bool with_max;
MAP(period, ARRAY, 1, __u32, __u64);

/* The slot of this period if `amount` is the most in it, which is noted in the arrays of a value; or below 0. */
static __always_inline int raise_max(owner_t o, __u64 *periods, __u64 *maxima, __u64 amount)
{
	__u32 zero = 0;
	__u64 *now = map_get(o, &period, &zero);
	int slot;

	if (!now)
		return -1;
	slot = *now & 1;
	if (periods[slot] == *now && amount <= maxima[slot])
		return -1;
	maxima[slot] = amount;
	periods[slot] = *now;
	return slot;
}

/*
 * One event more under `key`; `amount` adds to its total. Not a constant 0: of such an addition clang makes an
 * instruction that 5.10 does not know.
 */
static __always_inline void tally_add(owner_t o, void *map, const void *key, __u64 amount)
{
	struct cbpf_tally *t = map_get_or_zero(o, map, key, &no_tally);

	if (!t)
		return;
	sign(o, t->comm);
	COUNT(t->count);
	__sync_fetch_and_add(&t->total, amount);
	if (with_max)
		raise_max(o, t->period, t->max, amount);
	matched(o, 1);
}

#endif
