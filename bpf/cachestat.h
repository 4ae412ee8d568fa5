/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_CACHESTAT_H
#define CBPF_CACHESTAT_H

/* What happens to a folio, or before 5.16 to a page. */
enum cachestat_what {
	CACHESTAT_ACCESSED = 0,
	CACHESTAT_BUFFER_DIRTIED = 1,
	CACHESTAT_ADDED = 2,
	CACHESTAT_DIRTIED = 3,
};

#endif
