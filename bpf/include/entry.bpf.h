/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The only ways into a program. Each macro names the event's subject, tests it, and gives the body a proof `o`.
 *
 *	TRACE_CURRENT(opts, section, name, args...)
 *		the current task, in process context
 *	TRACE_CURRENT_IF(opts, section, name, (cond), args...)
 *		the same, after a test that is cheaper than ownership
 *	TRACE_CURRENT_ELSE(opts, section, name, map, (key), args...)
 *		the same; unless it is owned, `key` leaves `map`
 *	TRACE_CURRENT_IF_ELSE(opts, section, name, (cond), map, (key), args...)
 *		both: where the test fails, nothing is done
 *	TRACE_TASK(opts, section, name, (task), args...)
 *		a task that an argument names
 *	TRACE_TASK_IF(opts, section, name, (task), (cond), args...)
 *		the same, after a test that is cheaper than ownership
 *	TRACE_SWITCH(opts, name)
 *		sched_switch: `prev` and `next`, each with a proof of its own
 *	TRACE_KEYED(opts, section, name, map, (key), args...)
 *		whoever a program recorded under `key` in `map`
 *	TRACE_KEYED_IF(opts, section, name, (cond), map, (key), args...)
 *		the same, after a test that is cheaper than the map
 *	TRACE_KEYED_OR(opts, section, name, map, (key), (anonymous), args...)
 *		the same, or what the scope owns namelessly
 *	TRACE_KEYED_ELSE(opts, section, name, map, (key), (anonymous), stale, (stale_key), args...)
 *		the same; where there is no subject, `stale_key` leaves `stale`
 *	TRACE_KEYED_IF_ELSE(opts, section, name, (cond), map, (key), (anonymous), stale, (stale_key), args...)
 *		all of that
 *	TRACE_MOVED(opts, section, name, from, (from_key), to, (to_key), (since), (anonymous), args...)
 *		whoever is recorded in `from`, or has been moved to `to`
 *	TRACE_REQUEST, TRACE_SOCK
 *		built on them: block.bpf.h, sock.bpf.h
 *	TRACE_INTERRUPTED(opts, section, name, args...)
 *		the task that an interrupt or a sample interrupted
 *	TRACE_SAMPLE(opts, name)
 *		the same at a perf event, which the plan gives for the program's name
 *	TRACE_CALL / TRACE_RETURN(opts, (sets), name, args...)
 *		the current task, where a user function that the plan names begins or ends
 *	TRACE_OPEN_FILES(opts, name)
 *		once, at the start: a task that has a file open
 *	NOTE_OF_CPU(opts, section, name, map, (cpu), (value), args...)
 *		nobody: a number about a CPU is set down
 *	TRACE_FUNCTION(opts, (sets), function, name, args...)
 *		the current task, where a function of the kernel begins
 *	TRACE_FUNCTIONS / TRACE_FUNCTIONS_END(opts, functions, name, ...)
 *	TRACE_ENTRY / TRACE_EXIT_1(opts, function, name, ...)
 *		the same for many functions, as a list or one by one, and where they return
 *	TRACE_NAMED / TRACE_NAMED_END(opts, (sets), name)
 *		the current task, where a function of the kernel that the user names begins or ends
 *	TRACE_HOST(opts, section, name, args...)
 *		no subject: loaded in scope `host` only
 *
 * `opts` is a string of words for the engine: "set=N[,M]" puts the program into alternative sets (a program without
 * is in every set), "when=KNOB" loads it only if that knob is not zero, "unless=KNOB" only if it is, "nth=N" puts it at
 * that one of several functions that the user names. Together with the kind of subject it becomes a BTF tag of the
 * program; an object that has a program without one is neither built nor loaded.
 *
 * Everything is inlined. On kernels 6.9 to 7.1 a faulting load in a subprogram of a token-loaded program
 * crashes the machine (jit_subprogs() did not copy aux->token), so there are no subprograms and no callbacks.
 */
#ifndef CBPF_ENTRY_BPF_H
#define CBPF_ENTRY_BPF_H

/* What goes before and after every program at a tracepoint or a sample, ... */
static __always_inline void begin_tracepoint(void *ctx)
{
	if (TRACEPOINTS_ARE_PREEMPTED)
		raw_preempt_disable();
}

static __always_inline void end_tracepoint(void)
{
	if (TRACEPOINTS_ARE_PREEMPTED)
		raw_preempt_enable();
}

/* ... at a user function, ... */
static __always_inline void begin_user_function(void *ctx)
{
	raw_own_stack(ctx, &counts, owner.scope == CBPF_NOBODY);
	raw_preempt_disable();
}

static __always_inline void end_user_function(void)
{
	raw_preempt_enable();
}

/* ... and at a function of the kernel: a trampoline lets the program be preempted by one that comes there too. */
static __always_inline void begin_function(void *ctx)
{
	raw_preempt_disable();
}

static __always_inline void end_function(void)
{
	raw_preempt_enable();
}

/*
 * `key` is the word "section", which the macros below may write and a tool may not (cbpf.bpf.h poisons it).
 * Nobody but interrupts comes between begin_ and end_: see raw.bpf.h.
 */
// clang-format off: it does not know pragmas in macros
#define PROGRAM(key, kind, opts, sec, name, context, calm)				\
	/* arguments come as numbers, and the body gives them their types */		\
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wint-conversion\"")	\
	static __always_inline void name##_program(context *ctx);			\
	__attribute__((btf_decl_tag("cbpf:" kind " " opts), key(sec), used)) int name(context *ctx)	\
	{										\
		begin_##calm(ctx);							\
		name##_program(ctx);							\
		end_##calm();								\
		return 0;								\
	}										\
	static __always_inline void name##_program(context *ctx)
// clang-format on

#define END _Pragma("GCC diagnostic pop")
#define BODY END static __always_inline int

/* What a body returns so that the key it was entered by stays in its map. */
#define KEEP 1

/* What a macro is told as an expression of the program's arguments. */
#define OF_ARGS(type, name, expr, args...) \
	static __always_inline type name(unsigned long long *ctx, ##args) \
	{ \
		return expr; \
	}

#define TRACE_CURRENT_IF(opts, sec, name, cond, args...) \
	static __always_inline int name##_body(owner_t o, unsigned long long *ctx, ##args); \
	OF_ARGS(bool, name##_if, cond, ##args) \
	PROGRAM(section, "current", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		/* Most system calls get no further, so nothing is prepared before. */ \
		if (name##_if(___bpf_ctx_cast(args))) { \
			struct cbpf_owned o = {}; \
\
			if (own_current(&o)) \
				name##_body(o, ___bpf_ctx_cast(args)); \
		} \
	} \
	BODY name##_body(owner_t o, unsigned long long *ctx, ##args)

#define TRACE_CURRENT(opts, sec, name, args...) TRACE_CURRENT_IF(opts, sec, name, (true), ##args)

/*
 * What is keyed by an address is recorded anew whenever the address begins to mean something else, and forgotten when
 * that something is not owned: or its owner would be taken for the one before. The body returns KEEP
 * when it recorded something.
 */
#define TRACE_CURRENT_IF_ELSE(opts, sec, name, cond, stale, stale_expr, args...) \
	static __always_inline int name##_body(owner_t o, unsigned long long *ctx, ##args); \
	OF_ARGS(bool, name##_if, cond, ##args) \
	OF_ARGS(__u64, name##_stale, (__u64)(stale_expr), ##args) \
	PROGRAM(section, "current", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		struct cbpf_owned o = {}; \
		int kept = 0; \
\
		if (!name##_if(___bpf_ctx_cast(args))) \
			return; \
		if (own_current(&o)) \
			kept = name##_body(o, ___bpf_ctx_cast(args)); \
		if (kept != KEEP) { \
			__u64 key = name##_stale(___bpf_ctx_cast(args)); \
\
			raw_del(&stale, &key); \
		} \
	} \
	BODY name##_body(owner_t o, unsigned long long *ctx, ##args)

#define TRACE_CURRENT_ELSE(opts, sec, name, stale, stale_expr, args...) \
	TRACE_CURRENT_IF_ELSE(opts, sec, name, (true), stale, stale_expr, ##args)

#define TRACE_TASK_IF(opts, sec, name, subject, cond, args...) \
	static __always_inline int name##_body(owner_t o, unsigned long long *ctx, ##args); \
	OF_ARGS(struct task_struct *, name##_of, subject, ##args) \
	OF_ARGS(bool, name##_if, cond, ##args) \
	PROGRAM(section, "task", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		struct cbpf_owned o = {}; \
\
		if (name##_if(___bpf_ctx_cast(args)) && own_task(name##_of(___bpf_ctx_cast(args)), &o)) \
			name##_body(o, ___bpf_ctx_cast(args)); \
	} \
	BODY name##_body(owner_t o, unsigned long long *ctx, ##args)

#define TRACE_TASK(opts, sec, name, subject, args...) TRACE_TASK_IF(opts, sec, name, subject, (true), ##args)

/* Two subjects. Either proof may be none; the helpers then do nothing for it. */
#define TRACE_SWITCH(opts, name) \
	static __always_inline int name##_body(owner_t prev_owner, owner_t next_owner, unsigned long long *ctx, \
					       bool preempt, struct task_struct *prev, struct task_struct *next); \
	PROGRAM(section, "switch", opts, "tp_btf/sched_switch", name, unsigned long long, tracepoint) \
	{ \
		struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2]; \
		struct cbpf_owned prev_owner = {}, next_owner = {}; \
		bool either = own_task(prev, &prev_owner); \
\
		either |= own_task(next, &next_owner); \
		if (either) \
			name##_body(prev_owner, next_owner, ctx, ctx[0], prev, next); \
	} \
	BODY name##_body(owner_t prev_owner, owner_t next_owner, unsigned long long *ctx, bool preempt, \
			 struct task_struct *prev, struct task_struct *next)

/*
 * The values of `map` start with a struct cbpf_subject that `record` filled in. The body gets the value as `at`;
 * when it returns, the key is removed, unless it returns KEEP. Where nothing is recorded but `anonymous` holds, the
 * event is the scope's all the same, by no task that could be named, and `at` is NULL.
 */
#define TRACE_KEYED_IF_ELSE(opts, sec, name, cond, map, key_expr, anonymous_expr, stale, stale_expr, args...) \
	static __always_inline int name##_body(owner_t o, void *at, unsigned long long *ctx, ##args); \
	OF_ARGS(bool, name##_if, cond, ##args) \
	OF_ARGS(__u64, name##_key, (__u64)(key_expr), ##args) \
	OF_ARGS(bool, name##_anonymous, anonymous_expr, ##args) \
	OF_ARGS(__u64, name##_stale, (__u64)(stale_expr), ##args) \
	PROGRAM(section, "keyed", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		struct cbpf_owned o = {}; \
		struct cbpf_subject *at; \
		__u64 key; \
		int kept; \
\
		if (!name##_if(___bpf_ctx_cast(args))) \
			return; \
		key = name##_key(___bpf_ctx_cast(args)); \
		at = raw_get(&map, &key); \
		if (at) { \
			o.who = *at; \
		} else if (name##_anonymous(___bpf_ctx_cast(args))) { \
			o.who.anonymous = 1; \
		} else { \
			key = name##_stale(___bpf_ctx_cast(args)); \
			if (key) \
				raw_del(&stale, &key); \
			return; \
		} \
		o.ok = 1; \
		kept = name##_body(o, at, ___bpf_ctx_cast(args)); \
		if (kept != KEEP && at) \
			raw_del(&map, &key); \
	} \
	BODY name##_body(owner_t o, void *at, unsigned long long *ctx, ##args)

#define TRACE_KEYED_ELSE(opts, sec, name, map, key, anonymous, stale, stale_key, args...) \
	TRACE_KEYED_IF_ELSE(opts, sec, name, (true), map, key, anonymous, stale, stale_key, ##args)

#define TRACE_KEYED_OR(opts, sec, name, map, key, anonymous, args...) \
	TRACE_KEYED_ELSE(opts, sec, name, map, key, anonymous, map, (0), ##args)

#define TRACE_KEYED(opts, sec, name, map, key, args...) TRACE_KEYED_OR(opts, sec, name, map, key, (false), ##args)

#define TRACE_KEYED_IF(opts, sec, name, cond, map, key, args...) \
	TRACE_KEYED_IF_ELSE(opts, sec, name, cond, map, key, (false), map, (0), ##args)

/*
 * One thing hands its subject on to another, a bio to its request. The subject is what `from` has under `from_key`,
 * which is removed from there when the body returns; or else what the body put into `to` at an earlier event, if that
 * was not before `since`, the birth of what `to_key` now means. The body gets the latter as `at`, or NULL, and may put
 * it there anew. Where there is no subject, `to_key` leaves `to`.
 */
#define TRACE_MOVED(opts, sec, name, from, from_expr, to, to_expr, since_expr, anonymous_expr, args...) \
	static __always_inline int name##_body(owner_t o, void *at, unsigned long long *ctx, ##args); \
	OF_ARGS(__u64, name##_from, (__u64)(from_expr), ##args) \
	OF_ARGS(__u64, name##_to, (__u64)(to_expr), ##args) \
	OF_ARGS(__u64, name##_since, since_expr, ##args) \
	OF_ARGS(bool, name##_anonymous, anonymous_expr, ##args) \
	PROGRAM(section, "keyed", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		__u64 from_key = name##_from(___bpf_ctx_cast(args)); \
		__u64 to_key = name##_to(___bpf_ctx_cast(args)); \
		struct cbpf_subject *handed = raw_get(&from, &from_key); \
		struct cbpf_subject *at = raw_get(&to, &to_key); \
		bool stale = at && at->ts < name##_since(___bpf_ctx_cast(args)); \
		struct cbpf_owned o = {}; \
\
		if (stale) \
			at = 0; \
		if (handed) { \
			o.who = *handed; \
		} else if (at) { \
			o.who = *at; \
		} else if (name##_anonymous(___bpf_ctx_cast(args))) { \
			o.who.anonymous = 1; \
		} else { \
			if (stale) \
				raw_del(&to, &to_key); \
			return; \
		} \
		o.ok = 1; \
		name##_body(o, at, ___bpf_ctx_cast(args)); \
		if (handed) \
			raw_del(&from, &from_key); \
	} \
	BODY name##_body(owner_t o, void *at, unsigned long long *ctx, ##args)

/* Records the subject of `o` under `key`, for a TRACE_KEYED program to find. */
static __always_inline bool record_as(owner_t o, void *map, __u64 key, const void *value, struct cbpf_subject *who)
{
	describe(o, who);
	who->ts = bpf_ktime_get_ns();
	return map_put(o, map, &key, value);
}
#define record(o, map, key, value) record_as(o, map, (__u64)(key), value, &(value)->who)

/* In an interrupt `current` is the interrupted task: what is told of it is what was taken from it. */
#define TRACE_INTERRUPTED(opts, sec, name, args...) \
	static __always_inline int name##_body(owner_t o, unsigned long long *ctx, ##args); \
	PROGRAM(section, "interrupted", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		struct cbpf_owned o = {}; \
\
		if (own_current(&o)) \
			name##_body(o, ___bpf_ctx_cast(args)); \
	} \
	BODY name##_body(owner_t o, unsigned long long *ctx, ##args)

#define TRACE_SAMPLE(opts, name) \
	static __always_inline int name##_body(owner_t o, struct bpf_perf_event_data *ctx); \
	PROGRAM(section, "interrupted", opts, "perf_event", name, struct bpf_perf_event_data, tracepoint) \
	{ \
		struct cbpf_owned o = {}; \
\
		if (own_current(&o)) \
			name##_body(o, ctx); \
	} \
	BODY name##_body(owner_t o, struct bpf_perf_event_data *ctx)

/* Runs when all others are attached, for each file of each task, and sets down what there was before the trace. */
#define TRACE_OPEN_FILES(opts, name) \
	static __always_inline int name##_body(owner_t o, struct file *file); \
	PROGRAM(section, "task", opts, "iter/task_file", name, struct bpf_iter__task_file, tracepoint) \
	{ \
		struct task_struct *task = ctx->task; \
		struct file *file = ctx->file; \
		struct cbpf_owned o = {}; \
\
		if (task && file && own_task(task, &o)) \
			name##_body(o, file); \
	} \
	BODY name##_body(owner_t o, struct file *file)

/*
 * What a tracepoint says of a CPU and not of any task, its frequency say: that number stands in `map` from then on.
 * There is no body, so nothing else can be done with it; whoever reads it there has a proof.
 */
#define NOTE_OF_CPU(opts, sec, name, map, cpu_expr, value_expr, args...) \
	OF_ARGS(__u32, name##_cpu, cpu_expr, ##args) \
	OF_ARGS(__u64, name##_value, value_expr, ##args) \
	PROGRAM(section, "keyed", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		__u32 cpu = name##_cpu(___bpf_ctx_cast(args)); \
		__u64 value = name##_value(___bpf_ctx_cast(args)); \
\
		raw_put(&map, &cpu, &value, BPF_ANY); \
	} \
	END

/*
 * A function of the kernel, written as a string. There are three ways to it, and no kernel and no grant has all: fentry
 * and fexit (not where trampolines are refused, and at functions of modules for root alone), kprobe.multi (from 5.18,
 * with fprobes; with fentry what a token covers) and kprobe. Each becomes a program, in one of three `sets`, a list of
 * numbers in brackets; the body is written once. What another set does is done there by another function of another
 * name.
 *
 * The body gets the function's arguments. It is for functions that are called in process context.
 */
#define SET_1(a, b...) "set=" #a
#define SET_2(a, b, c...) "set=" #b
#define SET_3(a, b, c) "set=" #c
#define FUNCTION_SETS (1, 2, 3)

#define FUNCTION_PROGRAM(opts, sec, name, body, type, call) \
	PROGRAM(section, "current", opts, sec, name, type, function) \
	{ \
		struct cbpf_owned o = {}; \
\
		if (own_current(&o)) \
			body call; \
	} \
	END

#define BY_TRAMPOLINE(opts, sec, name, body, args...) \
	FUNCTION_PROGRAM(opts, sec, name, body, unsigned long long, (o, ___bpf_ctx_cast(args)))
#define BY_PROBE(opts, sec, name, body, args...) \
	FUNCTION_PROGRAM(opts, sec, name, body, struct pt_regs, (o, ___bpf_kprobe_args(args)))

#define TRACE_FUNCTION(opts, sets, function, name, args...) \
	static __always_inline int name##_body(owner_t o, void *ctx, ##args); \
	BY_TRAMPOLINE(opts " " SET_1 sets, "fentry/" function, name##_f, name##_body, ##args) \
	BY_PROBE(opts " " SET_2 sets, "kprobe.multi/" function, name##_m, name##_body, ##args) \
	BY_PROBE(opts " " SET_3 sets, "kprobe/" function, name##_k, name##_body, ##args) \
	static __always_inline int name##_body(owner_t o, void *ctx, ##args)

/* A user function, which the plan names. Before 6.6 there is no uprobe.multi: so there are two sets. */
#define USER_SETS (0, 1)

#define USER_PROGRAM(opts, sec, name, body, call) \
	PROGRAM(section, "current", opts, sec, name, struct pt_regs, user_function) \
	{ \
		struct cbpf_owned o = {}; \
\
		if (own_current(&o)) \
			body call; \
	} \
	END

#define TRACE_CALL(opts, sets, name, args...) \
	static __always_inline int name##_body(owner_t o, struct pt_regs *ctx, ##args); \
	USER_PROGRAM(opts " " SET_1 sets, "uprobe.multi", name##_m, name##_body, (o, ___bpf_kprobe_args(args))) \
	USER_PROGRAM(opts " " SET_2 sets, "uprobe", name##_u, name##_body, (o, ___bpf_kprobe_args(args))) \
	static __always_inline int name##_body(owner_t o, struct pt_regs *ctx, ##args)

#define TRACE_RETURN(opts, sets, name, args...) \
	static __always_inline int name##_body(owner_t o, struct pt_regs *ctx, ##args); \
	USER_PROGRAM(opts " " SET_1 sets, "uretprobe.multi", name##_m, name##_body, (o, ___bpf_kretprobe_args(args))) \
	USER_PROGRAM(opts " " SET_2 sets, "uretprobe", name##_u, name##_body, (o, ___bpf_kretprobe_args(args))) \
	static __always_inline int name##_body(owner_t o, struct pt_regs *ctx, ##args)

/*
 * Many functions, in two ways: as a list, "a,b,c", which becomes one kprobe.multi program, and one by one. Each
 * trampoline that is put somewhere makes the kernel wait for all its tasks, where the list is put in place at once; but
 * not every kernel has kprobe.multi. kprobe is no third way: its stacks lack the caller where a kretprobe is as well.
 *
 * Where a function ends the body gets its result alone, since only fexit has more, and finds by the thread what the one
 * of the beginning stored.
 */
#define TRACE_FUNCTIONS(opts, functions, name, args...) \
	static __always_inline int name##_body(owner_t o, void *ctx, ##args); \
	BY_PROBE(opts, "kprobe.multi/" functions, name, name##_body, ##args) \
	static __always_inline int name##_body(owner_t o, void *ctx, ##args)

#define TRACE_FUNCTIONS_END(opts, functions, name, ret) \
	static __always_inline int name##_body(owner_t o, void *ctx, ret); \
	FUNCTION_PROGRAM(opts, "kretprobe.multi/" functions, name, name##_body, struct pt_regs, \
			 (o, ctx, (void *)PT_REGS_RC(ctx))) \
	static __always_inline int name##_body(owner_t o, void *ctx, ret)

#define TRACE_ENTRY(opts, function, name, args...) \
	static __always_inline int name##_body(owner_t o, void *ctx, ##args); \
	BY_TRAMPOLINE(opts, "fentry/" function, name, name##_body, ##args) \
	static __always_inline int name##_body(owner_t o, void *ctx, ##args)

/* Of a function that has one argument on all kernels: its result is behind that. */
#define TRACE_EXIT_1(opts, function, name, ret) \
	static __always_inline int name##_body(owner_t o, void *ctx, ret); \
	FUNCTION_PROGRAM(opts, "fexit/" function, name, name##_body, unsigned long long, (o, ctx, (void *)ctx[1])) \
	static __always_inline int name##_body(owner_t o, void *ctx, ret)

/*
 * The same at a function of which nothing is known, the plan's "nth". It may also be called by interrupts, which are
 * nobody's: only what the task does itself is its own. `frame` is the place of the call on the stack, the same at its
 * beginning and its end, and lower for the calls that it makes; no other call of the task has it at the same time.
 * `trampoline` says what `context` is: an array of the arguments and then the result, or registers.
 */
static __always_inline __u64 frame_of(void *ctx)
{
	__u64 frame = (__u64)ctx;

	/* A number for the verifier, and no pointer any more. */
	asm volatile("%0 = -%0" : "+r"(frame));
	asm volatile("%0 = -%0" : "+r"(frame));
	return frame;
}

#define NAMED_PROGRAM(opts, sec, name, type, body, trampoline, frame) \
	PROGRAM(section, "caller", opts, sec, name, type, function) \
	{ \
		struct cbpf_owned o = {}; \
\
		if (own_current(&o)) { \
			__u64 ___frame = frame; \
\
			if (on_own_behalf(___frame)) \
				body(o, ctx, trampoline, ___frame); \
		} \
	} \
	END

#define NAMED_BODY(name) name##_body(owner_t o, void *context, const bool trampoline, __u64 frame)

#define TRACE_NAMED(opts, sets, name) \
	static __always_inline int NAMED_BODY(name); \
	NAMED_PROGRAM(opts " " SET_1 sets, "fentry", name##_f, unsigned long long, name##_body, true, frame_of(ctx)) \
	NAMED_PROGRAM(opts " " SET_2 sets, "kprobe.multi", name##_m, struct pt_regs, name##_body, false, \
		      PT_REGS_SP(ctx)) \
	NAMED_PROGRAM(opts " " SET_3 sets, "kprobe", name##_k, struct pt_regs, name##_body, false, PT_REGS_SP(ctx)) \
	static __always_inline int NAMED_BODY(name)

/* The address of the return, with which the frame begins, has been taken off. */
#define RETURNED_FRAME(ctx) (PT_REGS_SP(ctx) - 8)

/*
 * Is it one call that began at a frame and that ends at one? From 6.14 on, and until that was fixed, kretprobe.multi
 * said where it had put the registers itself, a bit further down.
 */
static __always_inline bool same_call(__u64 began, __u64 ends)
{
	return began == ends || (HAVE_FPROBE_GRAPHS && began - ends <= 256);
}

#define TRACE_NAMED_END(opts, sets, name) \
	static __always_inline int NAMED_BODY(name); \
	NAMED_PROGRAM(opts " " SET_1 sets, "fexit", name##_f, unsigned long long, name##_body, true, frame_of(ctx)) \
	NAMED_PROGRAM(opts " " SET_2 sets, "kretprobe.multi", name##_m, struct pt_regs, name##_body, false, \
		      RETURNED_FRAME(ctx)) \
	NAMED_PROGRAM(opts " " SET_3 sets, "kretprobe", name##_k, struct pt_regs, name##_body, false, \
		      RETURNED_FRAME(ctx)) \
	static __always_inline int NAMED_BODY(name)

/* No owner exists. The proof is good for everything, and the engine loads it in scope `host` only. */
#define TRACE_HOST(opts, sec, name, args...) \
	static __always_inline int name##_body(owner_t o, unsigned long long *ctx, ##args); \
	PROGRAM(section, "host", opts, sec, name, unsigned long long, tracepoint) \
	{ \
		struct cbpf_owned o = { .ok = owner.scope == CBPF_HOST }; \
\
		if (o.ok) \
			name##_body(o, ___bpf_ctx_cast(args)); \
	} \
	BODY name##_body(owner_t o, unsigned long long *ctx, ##args)

/*
 * viewer.bpf.c: fills the one value of `out` with what the caller of a test run is. It is told about itself, so
 * there is nothing to own; the engine never attaches it.
 */
#define DESCRIBE_CALLER(name, out, type, info) \
	static __always_inline int name##_body(type *info); \
	PROGRAM(section, "viewer", "", "raw_tp", name, void, tracepoint) \
	{ \
		__u32 zero = 0; \
		type *info = raw_get(&out, &zero); \
\
		if (info) \
			name##_body(info); \
	} \
	BODY name##_body(type *info)

/*
 * viewer.bpf.c: names the addresses in `in` in `out`. Run by the engine, for the kernel's part of its user's own
 * stacks.
 */
#define NAME_ADDRESSES(name, in, out) \
	PROGRAM(section, "viewer", "", "raw_tp", name, void, tracepoint) \
	{ \
		static const char backtrace[] = "%pB"; \
		__u32 zero = 0; \
		struct kernel_stack *___from = raw_get(&in, &zero); \
		struct kernel_names *___to = raw_get(&out, &zero); \
\
		for (int i = 0; ___from && ___to && i < VIEWER_FRAMES && ___from->at[i]; i++) \
			raw_name(___to->text[i], VIEWER_NAME, backtrace, &___from->at[i]); \
	} \
	END

/* `-- COMMAND`: children belong to the family of their parent. Loaded only when a command is traced. */
PROGRAM(section, "family", "", "tp_btf/sched_process_fork", family_fork, unsigned long long, tracepoint)
{
	struct task_struct *parent = (void *)ctx[0], *child = (void *)ctx[1];
	__u32 pid = task_tgnr_btf(parent), new = task_tgnr_btf(child);
	__u8 one = 1;

	if (pid != new && raw_get(&family, &pid))
		raw_put(&family, &new, &one, BPF_ANY);
}
END

/* Attached after the tool's programs, so that they still see the last event of a process. */
PROGRAM(section, "family", "", "tp_btf/sched_process_exit", family_exit, unsigned long long, tracepoint)
{
	struct task_struct *task = (void *)ctx[0];
	__u32 pid = task_tgnr_btf(task);

	if (task->signal->live.counter == 0)
		raw_del(&family, &pid);
}
END

#endif
