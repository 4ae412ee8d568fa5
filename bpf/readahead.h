/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_READAHEAD_H
#define CBPF_READAHEAD_H

/* Pages that were ... */
enum readahead_what {
	READAHEAD_ADDED = 0, /* ... read ahead */
	READAHEAD_GONE = 1,  /* ... and left the cache before they were used */
};

/* What a thread reads ahead: pages of a file, until all are in the cache; and where it waits for a page. */
struct readahead_thread {
	__u64 inode;
	__u64 first;
	__u64 end;
	__u64 since; /* ns */
	__u64 fault_inode;
	__u64 fault;
};

/* Of 64 pages of a file those that were read ahead and not yet used, a bit each: by the last readahead, and before. */
struct readahead_pages {
	struct cbpf_subject who;
	__u64 since;
	__u64 pages;
	__u64 older_since;
	__u64 older;
};

#endif
