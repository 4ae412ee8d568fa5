// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * readahead: what the kernel reads into the page cache before it is asked for, and after what time it is used, if it
 * is.
 *
 * It says where it begins to read ahead, and how many pages: at tracepoints since 6.18, elsewhere in functions. What
 * the same thread then adds to the cache in that range was read ahead, as it was by the thread's own read, fault or
 * readahead(2); so what a thread writes, or reads for lack of a readahead, is not in it, nor what a kernel thread reads
 * for nobody. The page that was asked for counts too, as one that is used at once.
 *
 * Used is what is handed out: by a read, or mapped by a fault, with the pages around it that the kernel maps as well;
 * what is done with a mapped page is seen by nobody. Pages are kept by file and place, since a read tells no more. What
 * a read takes beyond 2 MB of large folios at once is not seen to be used, nor is what others than the owner use.
 * Not seen is what file systems add by themselves, such as btrfs around a compressed extent.
 */
#include "readahead.h"
#include "cache.bpf.h"
#include "hist.bpf.h"

#define GROUP_PAGES 64 /* as bits */
#define MAX_GROUPS 8
#define MAPPED_GROUPS 2 /* the kernel maps 16 pages at once, unless it is told otherwise */
#define PAGE_SHIFT 12

MAP(threads, HASH, 10240, __u64, struct readahead_thread); /* by kernel tid, as wide as what holds addresses */
MAP(waiting, HASH, 10240, __u64, struct readahead_pages);  /* by inode and place, see group_of() */
REPORT(counters, HASH, 2, __u32, struct cbpf_tally);
REPORT(ages, HASH, 1, __u32, struct cbpf_hist); /* ms */

static const struct readahead_thread no_thread;

/*
 * Inodes are aligned to 8 bytes, and differ in their low 47 bits: unique for the first 256 GB of a file. With five
 * levels of page tables two may not, and are then counted as one.
 */
static __always_inline __u64 group_of(__u64 inode, __u64 page)
{
	return inode << 17 ^ page / GROUP_PAGES;
}

/* The bits of the pages from `first` to `last`, or to the end of the group of `first`. */
static __always_inline __u64 bits_of(__u64 first, __u64 last)
{
	__u64 end = first | (GROUP_PAGES - 1);

	if (last > end)
		last = end;
	return ~0ULL << (first % GROUP_PAGES) & ~0ULL >> (GROUP_PAGES - 1 - last % GROUP_PAGES);
}

static __always_inline void count_ages(owner_t o, struct cbpf_hist *hist, __u64 pages, __u64 since, __u64 now)
{
	__u64 ms = (now - since) / 1000000;

	hist_many(o, hist, log2_slot(ms), ms, __builtin_popcountll(pages));
}

static __always_inline void use_group(owner_t o, __u64 key, __u64 pages)
{
	struct readahead_pages *group = map_get(o, &waiting, &key);
	__u64 now = bpf_ktime_get_ns();
	struct cbpf_hist *hist;
	__u32 all = 0;

	if (!group || !((group->pages | group->older) & pages))
		return;
	hist = map_get_or_zero(o, &ages, &all, &no_hist);
	/* Both, for the verifier's sake: it follows each way of each branch. */
	count_ages(o, hist, group->pages & pages, group->since, now);
	count_ages(o, hist, group->older & pages, group->older_since, now);
	group->pages &= ~pages;
	group->older &= ~pages;
	if (!group->pages && !group->older)
		map_del(o, &waiting, &key);
}

static __always_inline int use(owner_t o, __u64 inode, __u64 first, __u64 last, int groups)
{
	for (int i = 0; i < groups && first <= last; i++) {
		use_group(o, group_of(inode, first), bits_of(first, last));
		first = (first | (GROUP_PAGES - 1)) + 1;
	}
	return 0;
}

static __always_inline int begin(owner_t o, struct inode *inode, __u64 first, __u64 pages)
{
	__u64 tid = (__u32)bpf_get_current_pid_tgid();
	struct readahead_thread *t = map_get_or_zero(o, &threads, &tid, &no_thread);
	__u64 end = (BPF_CORE_READ(inode, i_size) + (1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT;

	if (!t)
		return 0;
	t->inode = (__u64)inode;
	t->first = first;
	t->end = first + pages < end ? first + pages : end;
	t->since = bpf_ktime_get_ns();
	return 0;
}

/* A page fault: what it is about to wait for is used as soon as it comes. */
static __always_inline int fault(owner_t o, __u64 inode, __u64 page)
{
	__u64 tid = (__u32)bpf_get_current_pid_tgid();
	struct readahead_thread *t = map_get_or_zero(o, &threads, &tid, &no_thread);

	if (!t)
		return 0;
	t->end = 0;
	t->fault_inode = inode;
	t->fault = page;
	use_group(o, group_of(inode, page), bits_of(page, page));
	return 0;
}

static __always_inline bool wait_in_group(owner_t o, __u64 key, __u64 pages, __u64 since)
{
	struct readahead_pages *group = map_get(o, &waiting, &key), new = { .since = since, .pages = pages };

	if (!group)
		return record(o, &waiting, key, &new);
	if (group->since != since) {
		if (!group->older)
			group->older_since = group->since;
		group->older |= group->pages;
		group->since = since;
		group->pages = 0;
	}
	group->older &= ~pages;
	group->pages |= pages;
	return true;
}

TRACE_CURRENT("", "tp_btf/mm_filemap_add_to_page_cache", added, void *folio)
{
	struct cached it = cached_btf(folio);
	__u64 tid = (__u32)bpf_get_current_pid_tgid();
	__u32 what = READAHEAD_ADDED;
	struct readahead_thread *t = map_get(o, &threads, &tid);
	__u64 first = it.first;

	if (!t || t->inode != it.inode || it.first >= t->end || it.last < t->first)
		return 0;
	for (int i = 0; i < MAX_GROUPS && first <= it.last; i++) {
		if (!wait_in_group(o, group_of(it.inode, first), bits_of(first, it.last), t->since))
			return 0;
		first = (first | (GROUP_PAGES - 1)) + 1;
	}
	tally_add(o, &counters, &what, it.last - it.first + 1);
	if (t->fault_inode == it.inode && it.first <= t->fault && t->fault <= it.last)
		use_group(o, group_of(it.inode, t->fault), bits_of(t->fault, t->fault));
	if (it.last + 1 >= t->end)
		t->end = 0;
	return 0;
}

static __always_inline int remove(owner_t o, struct cached it)
{
	__u64 first = it.first, gone = 0;
	__u32 what = READAHEAD_GONE;

	for (int i = 0; i < MAX_GROUPS && first <= it.last; i++) {
		__u64 key = group_of(it.inode, first), pages = bits_of(first, it.last);
		struct readahead_pages *group = map_get(o, &waiting, &key);

		first = (first | (GROUP_PAGES - 1)) + 1;
		if (!group)
			continue;
		gone += __builtin_popcountll((group->pages | group->older) & pages);
		group->pages &= ~pages;
		group->older &= ~pages;
		if (!group->pages && !group->older)
			map_del(o, &waiting, &key);
	}
	if (gone)
		tally_add(o, &counters, &what, gone);
	return KEEP;
}

/* A large folio has several groups, of which the first or the last may have been used already. */
TRACE_KEYED("", "tp_btf/mm_filemap_delete_from_page_cache", removed, waiting,
	    (group_of(cached_btf(folio).inode, cached_btf(folio).first)), void *folio)
{
	return remove(o, cached_btf(folio));
}

TRACE_KEYED_IF("", "tp_btf/mm_filemap_delete_from_page_cache", removed_end,
	       (cached_btf(folio).first / GROUP_PAGES != cached_btf(folio).last / GROUP_PAGES), waiting,
	       (group_of(cached_btf(folio).inode, cached_btf(folio).last)), void *folio)
{
	return remove(o, cached_btf(folio));
}

TRACE_CURRENT("", "tp_btf/sched_process_exit", thread_ends)
{
	__u64 tid = (__u32)bpf_get_current_pid_tgid();

	map_del(o, &threads, &tid);
	return 0;
}

/* All of it at tracepoints: 6.18. */
TRACE_CURRENT("set=1", "tp_btf/page_cache_ra_unbounded", pages_tp, struct inode *inode, unsigned long first,
	      unsigned long pages)
{
	return begin(o, inode, first, pages);
}

TRACE_CURRENT("set=1", "tp_btf/page_cache_ra_order", folios_tp, struct inode *inode, unsigned long first,
	      struct file_ra_state *ra)
{
	return begin(o, inode, first, ra->size);
}

TRACE_CURRENT("set=1", "tp_btf/mm_filemap_get_pages", read_tp, struct address_space *mapping, unsigned long first,
	      unsigned long last)
{
	return use(o, inode_of(mapping), first, last, MAX_GROUPS);
}

TRACE_CURRENT("set=1", "tp_btf/mm_filemap_fault", fault_tp, struct address_space *mapping, unsigned long page)
{
	return fault(o, inode_of(mapping), page);
}

TRACE_CURRENT("set=1", "tp_btf/mm_filemap_map_pages", map_tp, struct address_space *mapping, unsigned long first,
	      unsigned long last)
{
	return use(o, inode_of(mapping), first, last, MAPPED_GROUPS);
}

/* The functions that these are in; with folios (5.18), and without. 5.16 and 5.17 lie between. */
static __always_inline int begin_function_of(owner_t o, struct readahead_control *ractl, __u64 pages)
{
	return begin(o, BPF_CORE_READ(ractl, mapping, host), BPF_CORE_READ(ractl, _index), pages);
}

static __always_inline __u64 faulting(struct vm_fault *vmf)
{
	return inode_of(BPF_CORE_READ(vmf, vma, vm_file, f_mapping));
}

TRACE_FUNCTION("", (2, 3, 4), "page_cache_ra_order", folios, struct readahead_control *ractl, struct file_ra_state *ra)
{
	return begin_function_of(o, ractl, BPF_CORE_READ(ra, size));
}

#define AT_FUNCTIONS(sets, accessed_function, new) \
	TRACE_FUNCTION("", sets, "page_cache_ra_unbounded", new##_pages, struct readahead_control *ractl, \
		       unsigned long pages) \
	{ \
		return begin_function_of(o, ractl, pages); \
	} \
\
	TRACE_FUNCTION("", sets, accessed_function, new##_read, void *folio) \
	{ \
		struct cached it = cached_any(folio); \
\
		return use(o, it.inode, it.first, it.last, MAX_GROUPS); \
	} \
\
	TRACE_FUNCTION("", sets, "filemap_fault", new##_fault, struct vm_fault *vmf) \
	{ \
		return fault(o, faulting(vmf), BPF_CORE_READ(vmf, pgoff)); \
	} \
\
	TRACE_FUNCTION("", sets, "filemap_map_pages", new##_map, struct vm_fault *vmf, unsigned long first, \
		       unsigned long last) \
	{ \
		return use(o, faulting(vmf), first, last, MAPPED_GROUPS); \
	}

AT_FUNCTIONS((2, 3, 4), "folio_mark_accessed", folio)
AT_FUNCTIONS((5, 6, 7), "mark_page_accessed", page)
