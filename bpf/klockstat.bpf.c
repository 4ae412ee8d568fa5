// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * klockstat: how long tasks wait for mutexes and reader-writer semaphores of the kernel, and hold them, by where they
 * take them. It is seen in the functions that take and release locks, waited for or not: sets 1 and 2. Where functions
 * cannot be traced, tracepoints tell of locks that are waited for (5.19): set 3, which knows nothing of holding.
 *
 * A lock is its task's from taking it to releasing it. One that another task releases, or that was held before the
 * trace began, was held for a time that nobody knows: it is not counted. Who else wants or holds a lock is not shown.
 * A lock has a name where it is a static object of the kernel and the kernel keeps the names of those; never an
 * address. Locks that are taken by other functions are not seen: ww_mutex_lock(), mutex_lock_io(), those of kernels
 * with lockdep; nor is what spins.
 */
#include "klockstat.h"
#include "hist.bpf.h"

/* Where a thread is counts, not where it takes the lock. */
const volatile bool per_thread;
/* Only this lock; empty: all. */
const volatile char only_lock[KLOCKSTAT_NAME];

/* Flags of contention_begin; the same since 5.19. */
#define LCB_F_SPIN 1
#define LCB_F_READ 2
#define LCB_F_WRITE 4
#define LCB_F_RT 8
#define LCB_F_PERCPU 16
#define LCB_F_MUTEX 32

/* By kernel tid, as wide as what holds addresses. An interrupt may try a lock while a thread waits for one. */
MAP(waiting, HASH, 10240, __u64, struct klockstat_wait);
MAP(trying, HASH, 1024, __u64, struct klockstat_wait);
/* By lock and thread. What another task releases is never asked for, so it may be forgotten. */
MAP(held, LRU_HASH, 10240, __u64, struct klockstat_held);
MAP(stacks, STACK_TRACE, 16384, __u32, __u64[127]);
REPORT(stats, HASH, 10240, struct klockstat_key, struct klockstat_stat);

static const struct klockstat_stat no_stat;

/* As a number: with what the verifier knows to be a pointer it does not let one calculate. */
static __always_inline __u64 address_of(void *lock)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &lock);
	return address;
}

/*
 * Locks are aligned to 8 bytes, and differ in their low 47 bits. With five levels of page tables two may not: what one
 * thread does with both at a time is then mixed up.
 */
static __always_inline __u64 held_key(__u64 lock)
{
	return lock << 17 ^ (__u32)bpf_get_current_pid_tgid();
}

/* Is the lock the one asked for? Without its offset in whatever it is part of, or with it. */
static __always_inline bool wanted(owner_t o, __u64 lock)
{
	char name[KLOCKSTAT_NAME] = {}, differ = 0, end = 0;

	if (!only_lock[0])
		return true;
	symbol_name(o, name, sizeof(name), lock);
	for (int i = 0; i < KLOCKSTAT_NAME - 1; i++) {
		end = name[i];
		if (!only_lock[i])
			break;
		differ |= name[i] ^ only_lock[i];
	}
	return !differ && (end == '+' || end == '/');
}

static __always_inline void raise_most(owner_t o, struct klockstat_stat *stat, __u64 lock, __u64 ns)
{
	int slot = raise_max(o, stat->period, stat->max, ns);
	char name[KLOCKSTAT_NAME] = {};
	struct cbpf_subject who = {};
	struct klockstat_most *most;

	if (slot < 0)
		return;
	most = &stat->most[slot & 1]; /* the verifier does not know of the bound */
	describe(o, &who);
	most->tid = who.tid;
	__builtin_memcpy(most->comm, who.comm, CBPF_COMM_LEN);
	if (HAVE_SNPRINTF)
		symbol_name(o, name, sizeof(name), lock);
	__builtin_memcpy(most->lock, name, KLOCKSTAT_NAME);
}

static __always_inline void count(owner_t o, __u32 id, __u32 is_held, __u64 lock, __u64 ns)
{
	struct klockstat_key key = { .id = id, .held = is_held };
	struct klockstat_stat *stat = map_get_or_zero(o, &stats, &key, &no_stat);

	if (!stat)
		return;
	COUNT(stat->count);
	__sync_fetch_and_add(&stat->total, ns);
	matched(o, 1);
	if (with_max)
		raise_most(o, stat, lock, ns);
}

static __always_inline int wait_begins(owner_t o, void *ctx, void *map, __u64 lock)
{
	__u64 tid = (__u32)bpf_get_current_pid_tgid();
	struct klockstat_wait wait = { .lock = lock };

	if (!wanted(o, lock))
		return 0;
	wait.id = per_thread ? o.who.tid : stack_id(o, ctx, &stacks, 0);
	wait.since = bpf_ktime_get_ns();
	map_put(o, map, &tid, &wait);
	return 0;
}

/* `got`: or it was given up. */
static __always_inline int wait_ends(owner_t o, void *map, bool got)
{
	__u64 now = bpf_ktime_get_ns(), tid = (__u32)bpf_get_current_pid_tgid(), key;
	struct klockstat_wait *at = map_get(o, map, &tid), wait;
	struct klockstat_held hold = { .since = now };

	if (!at)
		return 0;
	wait = *at;
	map_del(o, map, &tid);
	if (!got)
		return 0;
	key = held_key(wait.lock);
	hold.id = wait.id;
	map_put(o, &held, &key, &hold);
	count(o, wait.id, 0, wait.lock, now - wait.since);
	return 0;
}

static __always_inline int released(owner_t o, __u64 lock)
{
	__u64 now = bpf_ktime_get_ns(), key = held_key(lock);
	struct klockstat_held *at = map_get(o, &held, &key), hold;

	if (!at)
		return 0;
	hold = *at;
	map_del(o, &held, &key);
	count(o, hold.id, 1, lock, now - hold.since);
	return 0;
}

#define TAKE "mutex_lock,down_read,down_write"
#define TAKE_OR_FAIL \
	"mutex_lock_interruptible,mutex_lock_killable,down_read_interruptible,down_read_killable,down_write_killable"
#define TRY "mutex_trylock,down_read_trylock,down_write_trylock"
#define RELEASE "mutex_unlock,up_read,up_write"

TRACE_FUNCTIONS("set=1", TAKE "," TAKE_OR_FAIL, takes, void *lock)
{
	return wait_begins(o, ctx, &waiting, address_of(lock));
}

TRACE_FUNCTIONS("set=1", TRY, tries, void *lock)
{
	return wait_begins(o, ctx, &trying, address_of(lock));
}

TRACE_FUNCTIONS_END("set=1", TAKE, took, int ret)
{
	return wait_ends(o, &waiting, true);
}

TRACE_FUNCTIONS_END("set=1", TAKE_OR_FAIL, took_or_failed, int ret)
{
	return wait_ends(o, &waiting, !ret);
}

TRACE_FUNCTIONS_END("set=1", TRY, tried, int ret)
{
	return wait_ends(o, &trying, ret);
}

TRACE_FUNCTIONS("set=1", RELEASE, releases, void *lock)
{
	return released(o, address_of(lock));
}

#define TAKES(function, new, map, got) \
	TRACE_ENTRY("set=2", function, new##_begins, void *lock) \
	{ \
		return wait_begins(o, ctx, &map, address_of(lock)); \
	} \
\
	TRACE_EXIT_1("set=2", function, new##_ends, int ret) \
	{ \
		return wait_ends(o, &map, got); \
	}

#define RELEASES(function, new) \
	TRACE_ENTRY("set=2", function, new, void *lock) \
	{ \
		return released(o, address_of(lock)); \
	}

TAKES("mutex_lock", mutex, waiting, true)
TAKES("down_read", read, waiting, true)
TAKES("down_write", write, waiting, true)
TAKES("mutex_lock_interruptible", mutex_int, waiting, !ret)
TAKES("mutex_lock_killable", mutex_kill, waiting, !ret)
TAKES("down_read_interruptible", read_int, waiting, !ret)
TAKES("down_read_killable", read_kill, waiting, !ret)
TAKES("down_write_killable", write_kill, waiting, !ret)
TAKES("mutex_trylock", mutex_try, trying, ret)
TAKES("down_read_trylock", read_try, trying, ret)
TAKES("down_write_trylock", write_try, trying, ret)
RELEASES("mutex_unlock", mutex_released)
RELEASES("up_read", read_released)
RELEASES("up_write", write_released)

/* A mutex, or a reader-writer semaphore. */
static __always_inline bool sleeps(unsigned int flags)
{
	if (flags & LCB_F_MUTEX)
		return true;
	return flags & (LCB_F_READ | LCB_F_WRITE) && !(flags & (LCB_F_SPIN | LCB_F_RT | LCB_F_PERCPU));
}

/* A wait that first spins and then sleeps begins twice, and ends once. */
TRACE_CURRENT_IF("set=3", "tp_btf/contention_begin", contended, (sleeps(flags)), void *lock, unsigned int flags)
{
	__u64 tid = (__u32)bpf_get_current_pid_tgid();
	struct klockstat_wait *wait = map_get(o, &waiting, &tid);

	if (wait && wait->lock == (__u64)lock)
		return 0;
	return wait_begins(o, ctx, &waiting, (__u64)lock);
}

/* Of a spin lock too, while a thread waits for a mutex. */
TRACE_CURRENT("set=3", "tp_btf/contention_end", contention_ends, void *lock, int ret)
{
	__u64 now = bpf_ktime_get_ns(), tid = (__u32)bpf_get_current_pid_tgid(), since;
	struct klockstat_wait *wait = map_get(o, &waiting, &tid);
	__u32 id;

	if (!wait || wait->lock != (__u64)lock)
		return 0;
	since = wait->since;
	id = wait->id;
	map_del(o, &waiting, &tid);
	if (!ret)
		count(o, id, 0, (__u64)lock, now - since);
	return 0;
}
