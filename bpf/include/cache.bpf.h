/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the page cache keeps: folios, of one page or several; before Linux 5.16 single pages. */
#ifndef CBPF_CACHE_BPF_H
#define CBPF_CACHE_BPF_H

/* 5.16, 7b230db3b8d3: struct folio. */
struct page___cached {
	struct address_space *mapping;
	unsigned long index;
} RELOCATE;

/*
 * 6.18, 53fbef56e07d: the flags are in a struct. 6.15, 4996fc547f5b: _folio_nr_pages became _nr_pages. Before 6.1,
 * 379708ffde1b, there is neither, and a large folio counts as one page.
 */
struct folio___old {
	unsigned long flags;
	unsigned int _folio_nr_pages;
} RELOCATE;

/* Of which file it is, and which of its pages. */
struct cached {
	__u64 inode;
	__u64 first;
	__u64 last;
};

/* Read by a helper, it is a number to the verifier, and can be calculated with. */
static __always_inline __u64 inode_of(struct address_space *mapping)
{
	return (__u64)BPF_CORE_READ(mapping, host);
}

#define CACHED_READERS(HOW, READ) \
	static __always_inline __u64 folio_pages_##HOW(struct folio *folio) \
	{ \
		struct folio___old *old = (void *)folio; \
		__u64 flags = bpf_core_field_exists(folio->flags.f) ? READ(folio, flags.f) : READ(old, flags); \
\
		if (!(flags >> bpf_core_enum_value(enum pageflags, PG_head) & 1)) \
			return 1; \
		if (bpf_core_field_exists(folio->_nr_pages)) \
			return READ(folio, _nr_pages); \
		return bpf_core_field_exists(old->_folio_nr_pages) ? READ(old, _folio_nr_pages) : 1; \
	} \
\
	static __always_inline struct cached cached_##HOW(void *what) { \
		struct page___cached *page = what; \
		struct folio *folio = what; \
		struct cached it = {}; \
\
		if (!bpf_core_type_exists(struct folio)) { \
			it.inode = inode_of(READ(page, mapping)); \
			it.first = it.last = READ(page, index); \
			return it; \
		} \
		it.inode = inode_of(READ(folio, mapping)); \
		it.first = READ(folio, index); \
		it.last = it.first + folio_pages_##HOW(folio) - 1; \
		return it; \
	}

CACHED_READERS(btf, READ_BTF) /* what an argument of a tp_btf program names */
CACHED_READERS(any, READ_ANY)

#endif
