/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Force-included before every tool's C: what it may use, and then what it may not. */
#ifndef CBPF_BPF_H
#define CBPF_BPF_H

#include "vmlinux.h"
#define __VMLINUX_H__ /* bpf_tracing.h: the registers have the kernel's names, not user space's */
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>

#define true 1
#define false 0

/* Constants of include/uapi/linux/bpf.h, which stand there in enums without a name. */
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_USER_STACK = 1 << 8,
	BPF_F_MMAPABLE = 1 << 10,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

/* Before the headers it shares layouts with. */
#include "event.h"
#include "compat.bpf.h"
#include "raw.bpf.h"
#include "owner.bpf.h"
#include "emit.bpf.h"
#include "entry.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * The raw forms. Macros above that expand to them still do; a tool that writes one does not compile. What the
 * preprocessor cannot see (a helper called by number, say) the build's check of tags and sections catches.
 */
#undef SEC
#undef BPF_PROG
#undef BPF_PROG2
#undef BPF_KPROBE
#undef BPF_KRETPROBE
#undef BPF_UPROBE
#undef BPF_URETPROBE
#undef BPF_KSYSCALL
#undef BPF_SEQ_PRINTF
#undef BPF_SNPRINTF
#undef bpf_printk
#pragma GCC poison SEC BPF_PROG BPF_PROG2 BPF_KPROBE BPF_KRETPROBE BPF_UPROBE BPF_URETPROBE BPF_KSYSCALL
#pragma GCC poison section __section__ asm __asm __asm__ __attribute __attribute__
#pragma GCC poison raw_get raw_put raw_del raw_send raw_stack raw_name raw_own_stack record_as scratch_of
#pragma GCC poison raw_preempt_disable raw_preempt_enable bpf_tail_call
#pragma GCC poison cbpf_owned own_task own_current own_btf own_any in_scope_btf in_scope_any
#pragma GCC poison typeof __typeof __typeof__ __auto_type
#pragma GCC poison bpf_ringbuf_reserve bpf_ringbuf_submit bpf_ringbuf_discard bpf_ringbuf_output
#pragma GCC poison bpf_perf_event_output bpf_seq_write bpf_seq_printf bpf_trace_printk bpf_printk BPF_SEQ_PRINTF
#pragma GCC poison bpf_map_lookup_elem bpf_map_update_elem bpf_map_delete_elem bpf_map_push_elem bpf_get_stackid
#pragma GCC poison bpf_loop bpf_for_each_map_elem bpf_timer_init bpf_timer_set_callback
#pragma GCC poison bpf_snprintf BPF_SNPRINTF
#pragma GCC poison bpf_probe_write_user bpf_override_return bpf_send_signal

#endif
