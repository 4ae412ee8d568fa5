//! Ways round the ownership header, and what refuses each: the compiler with the build's own flags, or the audit of
//! the object. What is refused is looked up in the message, so that a snippet with a slip of its own does not pass.
#![allow(clippy::unwrap_used, reason = "a test of its own; clippy.toml knows `mod tests` only")]

#[path = "../build/audit.rs"]
mod audit;
#[path = "../build/check.rs"]
#[allow(dead_code, reason = "the build uses the rest")]
mod check;
#[path = "../build/compile.rs"]
#[allow(dead_code, reason = "the build uses the rest")]
mod compile;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use anyhow::Result;

const BPF: &str = env!("CARGO_MANIFEST_DIR");

/// What a right tool looks like; `{…}` is where a snippet goes.
const RIGHT: &str = r#"
struct event {
	struct cbpf_head head;
	__u64 value;
};
const volatile __u64 knob;
MAP(seen, HASH, 64, __u32, __u64);
{file}
TRACE_CURRENT("", "tp_btf/sys_enter", probe, struct pt_regs *regs, long nr)
{
	struct event e = { .value = knob };
	__u32 key = nr;
	__u64 *value = map_get(o, &seen, &key);

	if (value)
		e.value += *value;
	map_put(o, &seen, &key, &e.value);
	{body}
	emit(o, &e.head, sizeof(e));
	return 0;
}
"#;

/// Where a snippet stands.
enum At {
    /// At the top of the file, among other declarations.
    File,
    /// In the body of a program.
    Body,
}
use At::{Body, File};

/// The way round, the snippet, and a part of the message that refuses it.
#[rustfmt::skip]
const WAYS: &[(&str, At, &str, &str)] = &[
    // A program without the header's entry.
    ("SEC", File, r#"SEC("tp_btf/sys_exit") int raw(void *ctx) { return 0; }"#, POISONED),
    ("section attribute", File, r#"__attribute__((section("tp_btf/sys_exit"))) int raw(void *ctx) { return 0; }"#, POISONED),
    ("section attribute of C23", File, r#"[[gnu::section("tp_btf/sys_exit")]] int raw(void *ctx) { return 0; }"#, POISONED),
    ("section by pragma", File, "#pragma clang section text=\"tp_btf/sys_exit\"\nint raw(void *ctx) { return 0; }", "#pragma is not for tools"),
    ("section by _Pragma", File, r#"_Pragma("clang section text=\"tp_btf/sys_exit\"") int raw(void *ctx) { return 0; }"#, "_Pragma is not for tools"),
    ("BPF_PROG", File, r#"int BPF_PROG(raw, long nr) { return 0; }"#, POISONED),
    ("the header's own macro", File, r#"PROGRAM(section, "current", "", "tp_btf/sys_exit", raw, void, tracepoint) {}"#, POISONED),
    ("the header's own macro, without its word", File, r#"PROGRAM(annotate, "current", "", "tp_btf/sys_exit", raw, void, tracepoint) {} BODY f(void) { return 0; }"#, "raw() is a subprogram"),
    ("a tag in a word that is none", File, r#"TRACE_CURRENT("sets=1", "tp_btf/sys_exit", raw) { return 0; }"#, "no valid ownership tag"),
    ("a hook that decides", File, r#"TRACE_CURRENT("", "lsm/file_open", raw) { return 0; }"#, "only traces"),
    ("a hook that changes results", File, r#"TRACE_CURRENT("", "fmod_ret/security_file_open", raw) { return 0; }"#, "only traces"),
    ("the wrong subject", File, r#"TRACE_CURRENT("", "tp_btf/sched_switch", raw) { return 0; }"#, "whoever happened to run"),
    ("a type by value that vmlinux.types lacks", File, "struct unlisted; struct holder { void (*f)(struct unlisted given); }; MAP(holders, HASH, 8, __u64, struct holder);", "list it in vmlinux.types"),

    ("a function in an interrupt", File, r#"TRACE_FUNCTION("", FUNCTION_SETS, "tcp_v4_rcv", raw) { return 0; }"#, "is not known to be called by the current task"),
    ("the end of one", File, r#"TRACE_FUNCTIONS_END("", "try_to_wake_up", raw, long ret) { return 0; }"#, "is not known to be called by the current task"),
    ("a function by another entry", File, r#"TRACE_CURRENT("", "fentry/tcp_v4_rcv", raw) { return 0; }"#, "is not known to be called by the current task"),
    ("functions by a pattern", File, r#"TRACE_CURRENT("", "kprobe.multi/tcp_*", raw) { return 0; }"#, "is not known to be called by the current task"),
    ("a function that nothing is known of by another entry", File, r#"TRACE_CURRENT("", "kprobe", raw) { return 0; }"#, "is not known to be called by the current task"),
    ("a body of a function without its proof", File, r#"static __always_inline int mine(void *p) { return 0; } FUNCTION_PROGRAM("", "fentry/security_inode_unlink", raw, emit, unsigned long long, ((void *)ctx, 0, 0))"#, "to parameter of incompatible type"),

    // Letting something out without a proof.
    ("bpf_ringbuf_output", Body, "bpf_ringbuf_output(&events, &e, sizeof(e), 0);", POISONED),
    ("bpf_ringbuf_reserve", Body, "void *r = bpf_ringbuf_reserve(&events, sizeof(e), 0);", POISONED),
    ("bpf_ringbuf_submit", Body, "bpf_ringbuf_submit(value, 0);", POISONED),
    ("bpf_perf_event_output", Body, "bpf_perf_event_output(ctx, &events, 0, &e, sizeof(e));", POISONED),
    ("bpf_trace_printk", Body, r#"static const char text[] = "x"; bpf_trace_printk(text, sizeof(text));"#, POISONED),
    ("bpf_printk", Body, r#"bpf_printk("x");"#, POISONED),
    ("bpf_seq_write", Body, "bpf_seq_write((void *)regs, &e, sizeof(e));", POISONED),
    ("bpf_map_lookup_elem", Body, "value = bpf_map_lookup_elem(&seen, &key);", POISONED),
    ("bpf_map_update_elem", Body, "bpf_map_update_elem(&seen, &key, &e.value, 0);", POISONED),
    ("bpf_map_delete_elem", Body, "bpf_map_delete_elem(&seen, &key);", POISONED),
    ("bpf_get_stackid", Body, "bpf_get_stackid(ctx, &seen, 0);", POISONED),
    ("the header's raw calls", Body, "raw_send(&events, &e, sizeof(e), 0);", POISONED),
    ("a pasted name", File, "#define GLUE(a, b) a##b\nstatic __always_inline void raw(void *p) { GLUE(bpf_ringbuf_, output)(&events, p, 8, 0); }", POISONED),
    ("a name on two lines", Body, "bpf_ringbuf_\\\noutput(&events, &e, sizeof(e), 0);", POISONED),
    ("output by number", Body, "long (*out)(void *, void *, __u64, __u64) = (void *)130; out(&events, &e, sizeof(e), 0);", "helper 130 is called without asking for a proof"),
    ("a map by number", Body, "((long (*)(void *, void *, void *, __u64))2)(&seen, &key, &e.value, 0);", "helper 2 is called without asking for a proof"),
    ("a look-up by number", Body, "value = ((void *(*)(void *, void *))1)(&seen, &key); if (value) *value = 1;", "helper 1 is called without asking for a proof"),
    ("output by number, in a place of its own making", Body, "\n#line 1 \"bpf/include/raw.bpf.h\"\n((long (*)(void *, void *, __u64, __u64))130)(&events, &e, sizeof(e), 0);", "#line is not for tools"),
    ("the same, as the preprocessor writes it", Body, "\n# 1 \"bpf/include/raw.bpf.h\"\n((long (*)(void *, void *, __u64, __u64))130)(&events, &e, sizeof(e), 0);", "is not for tools"),
    ("a helper that signals", Body, "bpf_send_signal(9);", POISONED),
    ("the same by number", Body, "((long (*)(__u32))109)(9);", "helper 109 is not one that programs may call"),
    ("a helper that writes to processes", Body, "((long (*)(void *, const void *, __u32))36)((void *)regs->sp, &e, 8);", "helper 36 is not one that programs may call"),
    ("a helper that nobody looked at", Body, "e.value = bpf_get_prandom_u32();", "helper 7 is not one that programs may call"),
    ("a tail call", Body, "bpf_tail_call(ctx, &seen, 0);", POISONED),
    ("the same by number", Body, "((long (*)(void *, void *, __u32))12)(ctx, &seen, 0);", "helper 12 is called without asking for a proof"),
    ("a kernel function by its number", Body, "((void (*)(void))0x7cbf0000)();", "helper 2092892160 is called without asking for a proof"),
    ("preemption left off", Body, "raw_preempt_disable();", POISONED),
    ("asm", Body, r#"asm volatile("call 130");"#, POISONED),
    ("__asm", Body, r#"__asm volatile("call 130");"#, POISONED),
    ("__asm__", Body, r#"__asm__ volatile("call 130");"#, POISONED),
    ("a global variable", File, "__u64 last[64];", "global variable"),
	("a static variable", Body, "static __u64 last; last = nr; e.value = *(volatile __u64 *)&last;", "global variable"),

	// Proofs of a tool's own making.
	("the proof's struct", Body, "struct cbpf_owned fake = { .ok = 1 }; emit(fake, &e.head, sizeof(e));", POISONED),
	("own_task", Body, "own_task((void *)regs, 0);", POISONED),
	("own_current", Body, "own_current(0);", POISONED),
	("a proof that is a variable", Body, "owner_t fake = { .ok = 1 }; emit(fake, &e.head, sizeof(e));", NO_PARAMETER),
	("a proof out of the air", Body, "emit((owner_t){ .ok = 1 }, &e.head, sizeof(e));", NO_PARAMETER),
	("a proof by cast", Body, "emit(*(owner_t *)&e, &e.head, sizeof(e));", NO_PARAMETER),
	("a proof in a struct", File, "struct both { owner_t o; };", NO_PARAMETER),
	("a proof in a union", Body, "union { __u8 bytes[64]; owner_t o; } both = {}; emit(both.o, &e.head, sizeof(e));", NO_PARAMETER),
	("a proof as a result", File, "static owner_t find(void);", NO_PARAMETER),
	("a proof under another name", File, "typedef owner_t mine;", NO_PARAMETER),
	("a pointer for a proof", Body, "emit(&e, &e.head, sizeof(e));", "to parameter of incompatible type"),
	("a void pointer for a proof", Body, "emit((void *)&e, &e.head, sizeof(e));", "to parameter of incompatible type"),
	("another struct for a proof", Body, "emit(e.head, &e.head, sizeof(e));", "to parameter of incompatible type"),
	("any proof for a function that does not say", File, "static int any(); static __always_inline int raw(struct pt_regs r) { return any(r); }", "strict-prototypes"),
	("typeof", Body, "typeof(o) fake = { .ok = 1 };", POISONED),
	("__typeof__", Body, "__typeof__(o) fake = { .ok = 1 };", POISONED),
	("__auto_type", Body, "__auto_type fake = o;", POISONED),
	("a proof that is made good", Body, "o.ok = 1;", "const-qualified"),

	// Changing the header.
	("#undef of a poisoned name", File, "#undef SEC\n#define SEC(x)", "#undef is not for tools"),
	("#define of a poisoned name", File, "#define own_current(o) 1", POISONED),
	("#undef of an entry", File, "#undef TRACE_CURRENT", "#undef is not for tools"),
	("an entry defined anew", File, "#define TRACE_CURRENT(opts, sec, name, args...) int name(void *ctx)", "macro redefined"),
	("the proof defined anew", File, "#define owner_t int", "macro redefined"),
	("attributes", File, "static int f(void) __attribute__((noinline));", POISONED),
	("warnings switched off", File, "#pragma GCC diagnostic ignored \"-Wignored-attributes\"", "#pragma is not for tools"),
	("libbpf's header again", File, "#include <bpf/bpf_helpers.h>", "include headers of bpf/ only"),
	("libbpf's header again, as if ours", File, "#include \"bpf/bpf_helpers.h\"", "include headers of bpf/ only"),
	("libbpf's helpers again", File, "#include \"bpf_helper_defs.h\"", "file not found"),
	("a header from elsewhere", File, "#include \"../../tmp/x.h\"", "include headers of bpf/ only"),
	("a header of the tool's own choice", File, "#define MINE <bpf/bpf_helper_defs.h>\n#include MINE", "include headers of bpf/ only"),

	// Code that is not inlined.
	("a subprogram", File, "static __noinline int sub(long x) { return x * knob; } TRACE_CURRENT(\"\", \"tp_btf/sys_exit\", p2, long x) { return sub(x); }", "subprogram"),
	("a global function", File, "int sub(long x) { return x * knob; }", "sub() is a subprogram"),
	("a weak function", File, "__weak int sub(long x) { return x * knob; }", "sub() is a subprogram"),
	("bpf_loop", File, "static int each(__u32 i, void *c) { return 0; } TRACE_CURRENT(\"\", \"tp_btf/sys_exit\", p2) { bpf_loop(9, each, 0, 0); return 0; }", POISONED),
	("a callback by number", File, "static int each(__u32 i, void *c) { return 0; } TRACE_CURRENT(\"\", \"tp_btf/sys_exit\", p2) { ((long (*)(__u32, void *, void *, __u64))181)(9, each, 0, 0); return 0; }", "each() is a subprogram, a callback"),
	("bpf_for_each_map_elem", Body, "bpf_for_each_map_elem(&seen, 0, 0, 0);", POISONED),
	("a timer", Body, "bpf_timer_set_callback(0, 0);", POISONED),
	("a kernel function", File, "extern void bpf_rcu_read_lock(void) __ksym; TRACE_CURRENT(\"\", \"tp_btf/sys_exit\", p2) { bpf_rcu_read_lock(); return 0; }", "kernel function"),

	// Maps.
	("a map without bound", File, "MAP(loose, HASH, 0, __u32, __u64);", "map loose has no bound"),
	("maps that are too large", File, "MAP(vast, HASH, 1 << 22, __u32, __u64);", "the bound is"),
	("a per-CPU map that is too large", File, "MAP(vast, PERCPU_ARRAY, 65536, __u32, __u64);", "the bound is"),
	("a map that forgets", File, "MAP(lossy, LRU_HASH, 64, __u32, __u64);", "LruHash is not a kind of map"),
	("a ring of its own", File, "MAP(ring, PERF_EVENT_ARRAY, 64, __u32, __u32);", "is not a kind of map"),
	("a map of programs", File, "MAP(next, PROG_ARRAY, 64, __u32, __u32);", "is not a kind of map"),
	("a map without MAP", File, "struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } m SEC(\".maps\");", POISONED),
	("the kernel's configuration", File, "extern int CONFIG_HZ __kconfig; TRACE_CURRENT(\"\", \"tp_btf/sys_exit\", p2) { if (CONFIG_HZ == 250) drop(o, CBPF_NESTED); return 0; }", "global variable"),
];

const POISONED: &str = "attempt to use a poisoned identifier";
const NO_PARAMETER: &str = "'use_handle' attribute";

fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Runs `each` for every item, on all CPUs; what it returns are complaints.
fn all<T: Sync>(items: &[T], each: impl Fn(usize, &T) -> Option<String> + Sync) -> Vec<String> {
    let (next, complaints) = (Mutex::new(items.iter().enumerate()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((n, item)) = next.lock().unwrap().next() else { return };
                    let complaint = each(n, item);
                    complaints.lock().unwrap().extend(complaint);
                }
            });
        }
    });
    complaints.into_inner().unwrap()
}

fn compile(name: &str, file: &str, body: &str) -> Result<()> {
    let dir = folder("refused");
    let source = dir.join(format!("{name}.bpf.c"));
    fs::write(&source, RIGHT.replace("{file}", file).replace("{body}", body))?;
    compile::tool(Path::new(BPF), &source, &dir.join(format!("{name}.o")), &compile::clang()?, &[])
}

#[test]
fn a_right_tool_is_not_refused() {
    compile("right", "#define TWICE 2\n", "e.value *= TWICE;").unwrap();
}

#[test]
fn a_helper_lets_out_or_only_looks() {
    assert!(audit::LETTING_OUT.iter().all(|helper| !audit::LOOKING.contains(helper)));
}

#[test]
fn every_way_round_the_header_is_refused() {
    let wrong = all(WAYS, |n, (way, at, code, refusal)| {
        let (file, body) = match at {
            File => (*code, ""),
            Body => ("", *code),
        };
        match compile(&format!("way-{n}"), file, body) {
            Ok(()) => Some(format!("{way}: nothing refuses it")),
            Err(e) if format!("{e:#}").contains(refusal) => None,
            Err(e) => Some(format!("{way}: refused, but not by {refusal:?}:\n{e:#}")),
        }
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), WAYS.len(), wrong.join("\n"));
}

#[test]
fn every_tool_compiles_with_every_clang_there_is() {
    let mut jobs = Vec::new();
    for version in 14..=19 {
        let clang = PathBuf::from(format!("clang-{version}"));
        if compile::version(&clang).is_none() {
            // Past the capture of the test's output: a skip is seen.
            writeln!(std::io::stderr(), "skip: the tools with clang-{version}, which is not here").unwrap();
            continue;
        }
        jobs.extend(cbpf_bpf::OBJECTS.iter().map(|object| (clang.clone(), version, object.name)));
    }
    let wrong = all(&jobs, |_, (clang, version, tool)| {
        let source = Path::new(BPF).join(format!("{tool}.bpf.c"));
        let object = folder("clangs").join(format!("{tool}-{version}.o"));
        let made = compile::tool(Path::new(BPF), &source, &object, clang, &[]);
        made.err().map(|e| format!("clang-{version}: {e:#}"))
    });
    assert!(!jobs.is_empty() && wrong.is_empty(), "{}", wrong.join("\n"));
}
