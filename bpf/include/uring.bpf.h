/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a task has io_uring do for it: by then no system call is under way. Whose it is and what was asked is recorded
 * when the request is submitted, by a task that is owned (or its iou-sqp thread), when the kernel has just copied the
 * name. It is reported when the request completes, with its result, on whatever task that happens: most often a worker
 * thread of the same process. Requests that are to complete without a word (IOSQE_CQE_SKIP_SUCCESS) are seen only if
 * they fail.
 *
 * They are raw_tp and not tp_btf: for each program of that kind the kernel searches all of its types once more when it
 * is loaded, which takes a millisecond, and nothing here reads through an argument.
 *
 * Kernels before 6.0 do not say at the completion which request it was: there io_uring is not seen, by set 3.
 */
#ifndef CBPF_URING_BPF_H
#define CBPF_URING_BPF_H

#define URING_OPENAT 18
#define URING_STATX 21
#define URING_OPENAT2 28

#define URING_NAME_LEN 512

struct uring_call {
	struct cbpf_subject who;
	__u32 tgid; /* the kernel's */
	__s32 dirfd;
	__u32 slot; /* where in the ring's own table it is to go that is opened, from 1 on; 0: it gets a descriptor */
	__u32 flags;
	__u32 mode;
	__u32 name_flags; /* enum cbpf_flag */
	__u32 name_len;
	__u32 pad;
	char name[URING_NAME_LEN];
};

/* By request. Names that are longer than what this holds are rare, and shown as cut. */
MAP(uring_calls, HASH, 128, __u64, struct uring_call);

/* 7.0: struct filename stands in a struct delayed_filename until it is used. */
struct delayed_filename___7 {
	struct filename *__incomplete_filename;
} RELOCATE;
struct io_open___7 {
	struct delayed_filename___7 filename;
} RELOCATE;
struct io_statx___7 {
	struct delayed_filename___7 filename;
} RELOCATE;

static __always_inline __u8 uring_opcode(struct io_kiocb *req)
{
	return BPF_CORE_READ(req, opcode);
}

static __always_inline struct filename *uring_open_name(struct io_kiocb *req)
{
	struct io_open *open = (void *)req;

	if (bpf_core_field_exists(open->filename))
		return BPF_CORE_READ(open, filename);
	return BPF_CORE_READ((struct io_open___7 *)open, filename.__incomplete_filename);
}

static __always_inline struct filename *uring_statx_name(struct io_kiocb *req)
{
	struct io_statx *statx = (void *)req;

	if (bpf_core_field_exists(statx->filename))
		return BPF_CORE_READ(statx, filename);
	return BPF_CORE_READ((struct io_statx___7 *)statx, filename.__incomplete_filename);
}

/* Notes whose call it is and the name; then it can be recorded. */
static __always_inline void uring_note(struct uring_call *call, struct filename *filename)
{
	const char *name = BPF_CORE_READ(filename, name);
	long n = bpf_probe_read_kernel_str(call->name, URING_NAME_LEN, name);
	char last = 0;

	call->tgid = bpf_get_current_pid_tgid() >> 32;
	call->name_len = n > 0 ? n : 0;
	if (n <= 0)
		call->name_flags = CBPF_FAULT;
	else if (n == URING_NAME_LEN && !bpf_probe_read_kernel(&last, 1, name + n - 1) && last)
		call->name_flags = CBPF_CUT;
}

static __always_inline __u32 uring_copy_name(struct cbpf_head *head, char *to, const struct uring_call *call)
{
	head->flags |= call->name_flags;
	bpf_probe_read_kernel(to, URING_NAME_LEN, call->name);
	return call->name_len & (2 * URING_NAME_LEN - 1);
}

/* As put_name() of path.bpf.h. */
#define uring_put_name(e, call) ((e)->name_len = uring_copy_name(&(e)->head, (char *)((e) + 1), call))

/* Is the current task one of the process that submitted the call, with its files and directories? */
static __always_inline bool uring_at_home(const struct uring_call *call)
{
	return call->tgid == bpf_get_current_pid_tgid() >> 32;
}

/* The body, where requests are submitted that `wanted(req)`, returns KEEP when it has recorded one. */
#define URING_SUBMITTED(name, wanted) \
	static __always_inline int name##_submitted(owner_t o, struct io_kiocb *req); \
	TRACE_CURRENT_IF_ELSE("set=1", "raw_tp/io_uring_submit_req", name, (wanted(req)), uring_calls, (req), \
			      struct io_kiocb *req) \
	{ \
		return name##_submitted(o, req); \
	} \
	/* what 6.3 renamed */ \
	TRACE_CURRENT_IF_ELSE("set=2", "raw_tp/io_uring_submit_sqe", name##_before, (wanted(req)), uring_calls, (req), \
			      struct io_kiocb *req) \
	{ \
		return name##_submitted(o, req); \
	} \
	static __always_inline int name##_submitted(owner_t o, struct io_kiocb *req)

/* The body, where they complete with `ret`, gets the uring_call as `at`. */
#define URING_COMPLETED(name, wanted) \
	TRACE_KEYED_IF("set=1,2", "raw_tp/io_uring_complete", name, (wanted(req)), uring_calls, (req), void *ring, \
		       struct io_kiocb *req)

static __always_inline __s32 uring_result(struct io_kiocb *req)
{
	return BPF_CORE_READ(req, cqe.res);
}

#endif
