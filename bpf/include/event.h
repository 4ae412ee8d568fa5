/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every event and every counter has in common. */
#ifndef CBPF_EVENT_H
#define CBPF_EVENT_H

#define CBPF_COMM_LEN 16
#define CBPF_HIST_SLOTS 40 /* 2^39 ns are nine minutes, 2^39 us six days */

/* The first member of every event. Ids are those of the viewer's pid namespace. */
struct cbpf_head {
	__u64 ts;  /* CLOCK_MONOTONIC when the event was emitted, ns */
	__u32 pid; /* thread group */
	__u32 tid;
	__u32 uid;   /* as the kernel sees it; the report translates it */
	__u32 flags; /* enum cbpf_flag */
	__u8 comm[CBPF_COMM_LEN];
};

enum cbpf_flag {
	CBPF_CUT = 1,   /* a string of the event is longer than what it holds */
	CBPF_FAULT = 2, /* a string of the event could not be read */
	CBPF_SLOT = 4,  /* what was opened is in a ring's own table, and has no descriptor */
};

enum cbpf_loss {
	CBPF_RING_FULL = 0,
	CBPF_MAP_FULL = 1,
	CBPF_NESTED = 2, /* another event on the same CPU took the scratch space */
	CBPF_RATE = 3,   /* more in a second than the daemon's policy lets through */
	CBPF_LOSSES = 4,
};

/* One per CPU, each on a cache line of its own; only ever counts up, but for `sent`. */
struct cbpf_counts {
	__u64 matched; /* events of the scope that passed the tool's filters */
	__u64 dropped[CBPF_LOSSES];
	__u64 woke;   /* when this CPU last woke the reader, ns */
	__u64 second; /* of CPU 0, for all: the second in which ... */
	__u64 sent;   /* ... this many events were sent; for a cap only */
};

/* Whose name the values of counting maps bear: the knob `comm_of` (hist.bpf.h). */
enum cbpf_comm {
	CBPF_NO_COMM = 0,
	CBPF_THREAD_COMM = 1,
	CBPF_PROCESS_COMM = 2,
};

/* The value of a histogram map; slot n counts values in [2^n, 2^(n+1)), slot 0 also 0. */
struct cbpf_hist {
	__u64 slots[CBPF_HIST_SLOTS];
	__u64 total; /* sum of the values, in the histogram's unit */
	__u8 comm[CBPF_COMM_LEN];
};

/* The value of a counting map. The maximum of period n is max[n & 1], if period[n & 1] is n; else there is none. */
struct cbpf_tally {
	__u64 count;
	__u64 total;
	__u64 max[2];
	__u64 period[2];
	__u8 comm[CBPF_COMM_LEN];
};

/* Whose a recorded key (a request, a socket) is: what an event at its end needs to know. */
struct cbpf_subject {
	__u64 ts; /* when it was recorded, ns */
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 anonymous; /* 1: owned, but by no task that can be named (writeback) */
	__u8 comm[CBPF_COMM_LEN];
};

#endif
