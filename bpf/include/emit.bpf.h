/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that leaves a program: records in the ring, counts and state in maps. Every helper takes the proof, and a
 * proof that is not one makes it do nothing. Each event of the scope is either delivered or counted under the
 * cause of its loss: matched = shown + dropped.
 */
#ifndef CBPF_EMIT_BPF_H
#define CBPF_EMIT_BPF_H

#include "event.h"

#define SCRATCH_SIZE (16 * 1024)

/* A CPU wakes the reader at most this often; the reader polls on for twice as long after it was woken (ring.rs). */
#define WAKE_NS (5 * 1000 * 1000)

/* Both sized by the engine: --buffer, and the CPUs there can be. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cbpf_counts);
} counts SEC(".maps");

/* Where a record with strings is put together. Not for interrupts: they use the stack. */
struct cbpf_scratch {
	__u64 user; /* who is writing here: a program that is preempted half-way notices */
	char buf[SCRATCH_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cbpf_scratch);
} scratch_space SEC(".maps");

/*
 * A map of a tool, for what its programs have to remember. Tools have no other way to declare one: the raw section
 * attribute is out of their reach.
 */
#define MAP(name, map_type, entries, key_t, value_t) \
	struct { \
		__uint(type, BPF_MAP_TYPE_##map_type); \
		__uint(max_entries, entries); \
		__type(key, key_t); \
		__type(value, value_t); \
	} name __attribute__((section(".maps"), used))

/*
 * The same for what its report reads. Only such a map can be read (Loaded::read), by clients of the daemon too: neither
 * its keys nor its values may be addresses of the kernel.
 */
#define REPORT(name, map_type, entries, key_t, value_t) \
	MAP(name, map_type, entries, key_t, value_t) __attribute__((btf_decl_tag("cbpf:report")))

static __always_inline struct cbpf_counts *this_cpu_counts(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return raw_get(&counts, &cpu);
}

/* Atomic, although per CPU: an interrupt may count between our load and our store. */
#define COUNT(field) __sync_fetch_and_add(&(field), 1)

/* An event of the scope was lost for this reason. */
static __always_inline void drop(owner_t o, enum cbpf_loss why)
{
	struct cbpf_counts *c = o.ok ? this_cpu_counts() : 0;

	if (c) {
		COUNT(c->matched);
		COUNT(c->dropped[why]);
	}
}

/*
 * Is this event one more than may be sent in this second? Two CPUs at the turn of a second may both begin it, and then
 * a few more are sent than may be.
 */
static __always_inline bool over_rate(__u64 now)
{
	__u64 second = now >> 30; /* 1.07 s; a division for each event would be dear */
	struct cbpf_counts *all;
	__u32 zero = 0;

	if (!owner.rate)
		return false;
	all = raw_get(&counts, &zero);
	if (!all)
		return false;
	if (all->second != second) {
		all->second = second;
		all->sent = 0;
	}
	COUNT(all->sent);
	return all->sent > owner.rate;
}

/*
 * Sends a record of `size` bytes, which starts with a head, and fills the head in.
 *
 * The kernel's own rule, to wake the reader whenever it has caught up, costs a wake-up per event as soon as the
 * reader keeps up: four times what everything else here costs. A CPU that woke the reader less than WAKE_NS ago
 * leaves it to the reader's own timer instead.
 */
static __always_inline void emit(owner_t o, struct cbpf_head *head, __u64 size)
{
	struct cbpf_subject who = {};
	struct cbpf_counts *c;
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (!o.ok)
		return;
	c = this_cpu_counts();
	if (!c)
		return;
	describe(o, &who);
	head->ts = bpf_ktime_get_ns();
	head->pid = who.pid;
	head->tid = who.tid;
	head->uid = who.uid;
	__builtin_memcpy(head->comm, who.comm, sizeof(head->comm));
	COUNT(c->matched);
	if (over_rate(head->ts)) {
		COUNT(c->dropped[CBPF_RATE]);
		return;
	}
	if (head->ts - c->woke >= WAKE_NS) {
		c->woke = head->ts;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (raw_send(&events, head, size, flags))
		COUNT(c->dropped[CBPF_RING_FULL]);
}

/* This CPU's scratch space, the current task's from now on; NULL without proof. */
static __always_inline void *scratch_of(owner_t o)
{
	struct cbpf_scratch *s;
	__u32 zero = 0;

	if (!o.ok)
		return 0;
	s = raw_get(&scratch_space, &zero);
	if (!s)
		return 0;
	s->user = bpf_get_current_pid_tgid();
	return s->buf;
}

/* The same as a `type`, which is zeroed; what is behind it, for strings, is not. */
#define scratch(o, type) \
	({ \
		type *___e = scratch_of(o); \
		if (___e) \
			__builtin_memset(___e, 0, sizeof(*___e)); \
		___e; \
	})

/*
 * Sends what `scratch` gave out, with `tail` bytes behind the fixed part. Uprobe programs can be preempted; if
 * another one took the space in between, this record is no longer what it was.
 */
#define emit_scratch(o, e, tail) \
	({ \
		struct cbpf_scratch *___s = (void *)(e) - offsetof(struct cbpf_scratch, buf); \
		__u64 ___tail = (tail); \
\
		if (___s->user != bpf_get_current_pid_tgid()) \
			drop(o, CBPF_NESTED); \
		else \
			emit(o, &(e)->head, sizeof(*(e)) + (___tail > SCRATCH_SIZE / 2 ? SCRATCH_SIZE / 2 : ___tail)); \
	})

/*
 * `n`, which is below a power of two, so that the verifier of 5.10 sees it too: it forgets a bound that was found by
 * comparing with anything but a constant, and the compiler drops a mask that it knows to be superfluous.
 */
#define MASKED(n, power) \
	({ \
		__u64 ___n = (n); \
		barrier_var(___n); \
		((power) - 1) & ___n; \
	})

/*
 * Reads a string of the current task into `to`, which has `cap` bytes, and notes in the head's flags if it is cut or
 * cannot be read. Returns its length with the NUL, 0 for none.
 */
static __always_inline __u32 read_string(struct cbpf_head *head, char *to, __u32 cap, const void *from)
{
	long n = bpf_probe_read_user_str(to, cap, from);
	char last = 0;

	if (n < 0) {
		head->flags |= CBPF_FAULT;
		return 0;
	}
	/* 5.10: of an empty string strncpy_from_user_nofault() does not count the NUL. */
	if (!n) {
		to[0] = 0;
		return 1;
	}
	/* A string that just fits and one that was cut look alike but for the byte that the NUL took the place of. */
	if (n == cap && !bpf_probe_read_user(&last, 1, from + cap - 1) && last)
		head->flags |= CBPF_CUT;
	return n;
}

/* Maps. Looking up is letting out too: a value found can be changed in place. */
static __always_inline void *map_get(owner_t o, void *map, const void *key)
{
	return o.ok ? raw_get(map, key) : 0;
}

static __always_inline void map_del(owner_t o, void *map, const void *key)
{
	if (o.ok)
		raw_del(map, key);
}

/* Stores state between two programs; false, and an event lost, when the map is full. */
static __always_inline bool map_put(owner_t o, void *map, const void *key, const void *value)
{
	if (o.ok && !raw_put(map, key, value, BPF_ANY))
		return true;
	drop(o, CBPF_MAP_FULL);
	return false;
}

/* The value of `key`, made as `zero` if need be; NULL, and an event lost, when the map is full. */
static __always_inline void *map_get_or_zero(owner_t o, void *map, const void *key, const void *zero)
{
	void *value = map_get(o, map, key);

	if (value || !o.ok)
		return value;
	raw_put(map, key, zero, BPF_NOEXIST);
	value = raw_get(map, key);
	if (!value)
		drop(o, CBPF_MAP_FULL);
	return value;
}

/* Puts the stack of the current task into a STACK_TRACE map; its id, or minus an errno. */
static __always_inline long stack_id(owner_t o, void *ctx, void *map, __u64 flags)
{
	return o.ok ? raw_stack(ctx, map, flags) : -1;
}

/*
 * The name of the static object of the kernel at `address`, as name+0x1/0x2, or an empty one. Of any other address the
 * kernel writes the number, which must not get out: so it writes to a place where nobody else looks, such as the stack.
 */
static __always_inline void symbol_name(owner_t o, char *to, __u32 size, __u64 address)
{
	static const char symbol[] = "%pS";

	if (!o.ok || raw_name(to, size, symbol, &address) < 0 || (to[0] == '0' && to[1] == 'x'))
		__builtin_memset(to, 0, size); /* all of it: the number's digits are behind to[0] */
}

/*
 * Does the subject's comm contain the knob `part`? An empty part matches all. Here and not in the report, so that
 * what it filters out is neither matched nor paid for.
 */
static __always_inline bool comm_has(owner_t o, const volatile char *part)
{
	struct cbpf_subject who = {};

	if (!part[0])
		return true;
	describe(o, &who);
	for (int i = 0; i < CBPF_COMM_LEN; i++) {
		__u8 differ = 0;

		/* No branch for each byte: the verifier would follow them all. */
		for (int j = 0; j < CBPF_COMM_LEN && part[j]; j++)
			differ |= (i + j < CBPF_COMM_LEN ? who.comm[i + j] : 0) ^ part[j];
		barrier_var(differ);
		if (!differ)
			return true;
	}
	return false;
}

/* `n` more events that a map, not the ring, delivers. */
static __always_inline void matched(owner_t o, __u64 n)
{
	struct cbpf_counts *c = o.ok ? this_cpu_counts() : 0;

	if (c)
		__sync_fetch_and_add(&c->matched, n);
}

#endif
