/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a block request is. It is issued and completed in anybody's context, so the owner is taken where the bio is
 * submitted, which can sleep and so is process context, and kept by the bio's address. Of a merged request it is
 * the owner of the first bio. Writeback is submitted by a kernel thread for whoever dirtied the pages: it counts as
 * the scope's when the bio is charged to the scope's cgroup, and names no task.
 */
#ifndef CBPF_BLOCK_BPF_H
#define CBPF_BLOCK_BPF_H

struct bio_owner {
	struct cbpf_subject who;
};

MAP(bios, HASH, 16384, __u64, struct bio_owner);

/* 5.11, e8a676d61c07: the bio tracepoints lost their queue argument. */
typedef void (*btf_trace_block_bio_queue___q)(void *, struct request_queue *, struct bio *);
typedef void (*btf_trace_block_bio_complete___q)(void *, struct request_queue *, struct bio *);
/* 5.11, a54895fa057c, and 5.10.137: so did those of requests. */
typedef void (*btf_trace_block_rq_issue___q)(void *, struct request_queue *, struct request *);
typedef void (*btf_trace_block_rq_insert___q)(void *, struct request_queue *, struct request *);

/* Two loads behind a constant test, never one at a computed place: the verifier wants ctx offsets it can see. */
#define FIRST_OR_SECOND(ctx, has_queue)							\
	({										\
		void *___p;								\
		if (bpf_core_type_exists(has_queue))					\
			___p = (void *)*(volatile unsigned long long *)&(ctx)[1];	\
		else									\
			___p = (void *)*(volatile unsigned long long *)&(ctx)[0];	\
		___p;									\
	})
#define QUEUED_BIO(ctx) ((struct bio *)FIRST_OR_SECOND(ctx, btf_trace_block_bio_queue___q))
#define ISSUED_REQUEST(ctx) ((struct request *)FIRST_OR_SECOND(ctx, btf_trace_block_rq_issue___q))
#define INSERTED_REQUEST(ctx) ((struct request *)FIRST_OR_SECOND(ctx, btf_trace_block_rq_insert___q))

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

TRACE_CURRENT("", "tp_btf/block_bio_queue", own_bio)
{
	struct bio_owner value = {};

	record(o, &bios, QUEUED_BIO(ctx), &value);
	return 0;
}

TRACE_KEYED("", "tp_btf/block_bio_complete", disown_bio, bios,
	    FIRST_OR_SECOND(ctx, btf_trace_block_bio_complete___q))
{
	return 0;
}

/* Is this request written back for the scope's cgroup? */
static __always_inline bool writeback_of_scope(struct request *rq)
{
	struct cgroup *cgrp;

	if (!owner.io_cgroup || owner.npids || owner.ntids || owner.family || owner.has_only_uid)
		return false;
	cgrp = BPF_CORE_READ(rq, bio, bi_blkg, blkcg, css.cgroup);
	if (owner.in_cgroup && !below_cgroup(cgrp, owner.in_cgroup))
		return false;
	return cgrp && below_cgroup(cgrp, owner.io_cgroup);
}

/* The subject is whoever the request's first bio belongs to. The body returns KEEP: the bio is not done yet. */
#define TRACE_REQUEST(opts, sec, name, rq)						\
	TRACE_KEYED_OR(opts, sec, name, bios, BPF_CORE_READ(rq, bio), writeback_of_scope(rq))

#endif
