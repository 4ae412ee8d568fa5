/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a block request is, and when it began. It is issued and completed in anybody's context, so the owner is taken
 * where the bio is submitted, which is the submitter's own context, and kept by the bio's address until the bio's
 * request begins. What a driver splits off belongs to the same owner. Of a merged request it is that of the first bio.
 * Writeback is submitted by a kernel thread for whoever dirtied the pages: it counts as the scope's when the bio is
 * charged to the scope's cgroup, and names no task. So does what a limit of its cgroup (io.max, blkio.throttle) holds
 * back: there is no tracepoint before that, and a kernel thread queues it when its time has come. Nobody's, and so seen
 * in scope `host` only: flushes of a disk's cache, which the block layer makes of several callers' wishes, and commands
 * that go to a driver without a bio of the block layer (SG_IO).
 *
 * A tool that includes this gets TRACE_IO_DONE, and in `requests` what it needs to know about the request's start.
 */
#ifndef CBPF_BLOCK_BPF_H
#define CBPF_BLOCK_BPF_H

/* Note also when a request entered an I/O scheduler, and count the time in it. */
const volatile bool from_insert;

/* Note also where an I/O came from: for tools with BIO_STACK. */
const volatile bool with_stacks;

/* A disk as disk_dev() numbers it, 0: all. */
const volatile __u32 only_disk;

/* A tool that wants to know where an I/O came from defines this before it includes this header: the id of a stack. */
#ifndef BIO_STACK
#define BIO_STACK(o, ctx) 0
#endif

struct bio_owner {
	struct cbpf_subject who;
	__s64 stack; /* of the kernel, where it was submitted; or minus an errno */
};

/* A request under way. */
struct block_io {
	struct cbpf_subject who; /* who.ts: when it was inserted, or else issued first, ns */
	__u64 issued;            /* when it was issued first, ns; 0: not yet */
	__u32 bytes;             /* its size then */
	__s32 stack;             /* of its first bio */
};

/* By address. LRU: a bio that another one is put in front of never begins a request, so its owner stays behind here. */
MAP(bios, LRU_HASH, 8192, __u64, struct bio_owner);
MAP(requests, HASH, 10240, __u64, struct block_io);

/*
 * Arguments that were once preceded by the queue. A typedef exists for CO-RE only if its target takes as many
 * parameters, so that these say which of the two it is.
 * 5.11, e8a676d61c07: the bio tracepoints lost the queue, except block_bio_complete.
 */
typedef void (*btf_trace_block_bio_queue___q)(void *, struct request_queue *, struct bio *);
typedef void (*btf_trace_block_split___q)(void *, struct request_queue *, struct bio *, unsigned int);
typedef void (*btf_trace_block_bio_backmerge___q)(void *, struct request_queue *, struct request *, struct bio *);
/* 5.11, a54895fa057c, and 5.10.137: so did those of requests. */
typedef void (*btf_trace_block_rq_issue___q)(void *, struct request_queue *, struct request *);
typedef void (*btf_trace_block_rq_insert___q)(void *, struct request_queue *, struct request *);

/* Two loads behind a constant test, never one at a computed place: the verifier wants ctx offsets it can see. */
#define FIRST_OR(nth, ctx, flavour) (bpf_core_type_exists(flavour) ? CTX_ARG(ctx, nth) : CTX_ARG(ctx, 0))
#define QUEUED_BIO(ctx) ((struct bio *)FIRST_OR(1, ctx, btf_trace_block_bio_queue___q))
#define MERGED_BIO(ctx) ((struct bio *)FIRST_OR(2, ctx, btf_trace_block_bio_backmerge___q))
#define SPLIT_BIO(ctx) ((struct bio *)FIRST_OR(1, ctx, btf_trace_block_split___q))
#define ISSUED_REQUEST(ctx) ((struct request *)FIRST_OR(1, ctx, btf_trace_block_rq_issue___q))
#define INSERTED_REQUEST(ctx) ((struct request *)FIRST_OR(1, ctx, btf_trace_block_rq_insert___q))

/* 5.17, f3fa33acca9f: request.rq_disk is gone, the queue has the disk. */
struct request___disk {
	struct gendisk *rq_disk;
} RELOCATE;

static __always_inline struct gendisk *request_disk(struct request *rq)
{
	struct request___disk *old = (void *)rq;

	if (bpf_core_field_exists(old->rq_disk))
		return BPF_CORE_READ(old, rq_disk);
	return BPF_CORE_READ(rq, q, disk);
}

/* The device number of a disk as user space knows it: 12 bits of major, 20 of minor. */
static __always_inline __u32 disk_dev(struct gendisk *disk)
{
	return disk ? BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor) : 0;
}

#define REQ_PREFLUSH (1 << 18)
#define REQ_OP_MASK 0xff
#define REQ_OP_PASSTHROUGH 32 /* from here on: commands for a driver */

TRACE_CURRENT_ELSE("", "tp_btf/block_bio_queue", own_bio, bios, QUEUED_BIO(ctx))
{
	struct bio *bio = QUEUED_BIO(ctx);
	struct bio_owner value = {};

	/* An empty flush begins no request of its own. */
	if (bio->bi_opf & REQ_PREFLUSH && !bio->bi_iter.bi_size)
		return 0;
	value.stack = BIO_STACK(o, ctx);
	record(o, &bios, bio, &value);
	return KEEP;
}

/* The new bio is the first part of one that was queued, and was not queued itself. bio_chain() has tied it to that. */
TRACE_KEYED_ELSE("", "tp_btf/block_split", own_split, bios, SPLIT_BIO(ctx)->bi_private, (false), bios, SPLIT_BIO(ctx))
{
	struct bio_owner value = {}, *whole = at;

	value.stack = whole->stack;
	record(o, &bios, SPLIT_BIO(ctx), &value);
	return KEEP;
}

/* It goes to the end of a request that has begun or will. */
TRACE_KEYED("", "tp_btf/block_bio_backmerge", merge_bio, bios, MERGED_BIO(ctx))
{
	return 0;
}

/* It has ended without a request: failed, or a driver takes bios as they are. */
TRACE_KEYED("", "tp_btf/block_bio_complete", disown_bio, bios, bio, struct request_queue *q, struct bio *bio)
{
	return 0;
}

/* Of the whole struct only this. 0 is cgroup v2; each hierarchy has ids of its own, which mean nothing in another. */
struct cgroup_root___id {
	int hierarchy_id;
} RELOCATE;

/* Is this a request that no task of the scope made, but that is the scope's all the same? */
static __always_inline bool nameless_of_scope(struct request *rq)
{
	struct cgroup_root___id *root;
	struct cgroup *cgrp;

	if (owner.npids || owner.ntids || owner.family || owner.has_only_uid)
		return false;
	if (owner.scope == CBPF_HOST && !owner.in_cgroup)
		return true;
	if (owner.scope != CBPF_HOST && !owner.io_cgroup)
		return false;
	cgrp = BPF_CORE_READ(rq, bio, bi_blkg, blkcg, css.cgroup);
	root = (void *)BPF_CORE_READ(cgrp, root);
	if (!root || BPF_CORE_READ(root, hierarchy_id))
		return false;
	if (owner.in_cgroup && !below_cgroup(cgrp, owner.in_cgroup))
		return false;
	return owner.scope == CBPF_HOST || below_cgroup(cgrp, owner.io_cgroup);
}

/* The first bio of a request; commands for a driver have bios that never were queued. */
static __always_inline struct bio *first_bio(struct request *rq)
{
	return (rq->cmd_flags & REQ_OP_MASK) < REQ_OP_PASSTHROUGH ? rq->bio : 0;
}

/*
 * The subject is whoever the request's first bio belongs to; the body puts it into `requests`. A request comes
 * again when it is issued after it was inserted, and when the driver could not take it. But what stands in `requests`
 * may also be left over from one that was merged into another and never completed: where that can be, the block
 * layer keeps the time at which a request was allocated.
 */
#define TRACE_REQUEST(opts, sec, name, rq) \
	TRACE_MOVED(opts, sec, name, bios, first_bio(rq), requests, rq, (rq)->start_time_ns, nameless_of_scope(rq))

/* -EFAULT, as where there is no stack, for what no task has submitted. */
static __always_inline __s32 bio_stack(owner_t o, struct bio *bio)
{
	__u64 key = (__u64)bio;
	struct bio_owner *by = with_stacks ? map_get(o, &bios, &key) : 0;

	return by ? by->stack : -14;
}

static __always_inline void io_begins(owner_t o, struct block_io *before, struct request *rq, bool issued)
{
	struct block_io value = {};
	__u64 key = (__u64)rq;
	__u64 now = bpf_ktime_get_ns();

	if (only_disk && disk_dev(request_disk(rq)) != only_disk)
		return;
	describe(o, &value.who);
	value.who.ts = before ? before->who.ts : now;
	value.issued = before && before->issued ? before->issued : issued ? now : 0;
	value.bytes = rq->__data_len;
	barrier_var(value.bytes); /* or the compiler makes one load of two, at a pointer of either kind */
	if (before && before->issued) {
		value.bytes = before->bytes;
		value.stack = before->stack;
	} else {
		value.stack = bio_stack(o, first_bio(rq));
	}
	map_put(o, &requests, &key, &value);
}

TRACE_REQUEST("when=from_insert", "tp_btf/block_rq_insert", io_inserted, INSERTED_REQUEST(ctx))
{
	io_begins(o, at, INSERTED_REQUEST(ctx), false);
	return 0;
}

TRACE_REQUEST("", "tp_btf/block_rq_issue", io_issued, ISSUED_REQUEST(ctx))
{
	io_begins(o, at, ISSUED_REQUEST(ctx), true);
	return 0;
}

/* Where a request that ends began: what was done of it before has moved its start on. */
static __always_inline __u64 io_sector(struct block_io *io, struct request *rq)
{
	return rq->__sector - ((io->bytes - rq->__data_len) >> 9);
}

/*
 * The end of a request, not of one of its parts: once for each that was issued. In the body `io` tells of its start.
 */
#define TRACE_IO_DONE(opts, name) \
	static __always_inline void name##_done(owner_t o, struct block_io *io, struct request *rq); \
	TRACE_KEYED(opts, "tp_btf/block_rq_complete", name, requests, rq, struct request *rq, int error, \
		    unsigned int bytes) \
	{ \
		struct block_io *io = at; \
\
		if (bytes < rq->__data_len) \
			return KEEP; \
		if (io->issued) \
			name##_done(o, io, rq); \
		return 0; \
	} \
	static __always_inline void name##_done(owner_t o, struct block_io *io, struct request *rq)

#endif
