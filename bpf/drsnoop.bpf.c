// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * drsnoop: tasks that wait because they have to free memory themselves: the machine's, or that of a cgroup which is at
 * its limit (the usual case in a container, and another tracepoint). It is done by the task that wants the memory, so
 * the current task is the subject. A task that writes to memory.reclaim waits too, and is seen. What kernel threads
 * reclaim (kswapd, or the part of memory.high that is left for later) delays nobody here.
 */
#include "drsnoop.h"

/* Note how much memory is free. */
const volatile bool with_free;

struct drsnoop_begin {
	__u64 ts;
	__u64 free;
};

/* By kernel tid. One reclaims for one thing at a time: the kernel forbids it while it reclaims. */
MAP(begun, HASH, 10240, __u32, struct drsnoop_begin);

#define MAX_NODES 16
#define MAX_ZONES 6

/*
 * Pages that are free on the machine. The counters have no address that a program could know, but every memory cgroup
 * leads to every node: through the one of the current task.
 */
static __always_inline __u64 free_pages(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	int memory = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *css = 0;
	struct mem_cgroup *memcg;
	__u64 sum = 0;

	bpf_probe_read_kernel(&css, sizeof(css), &set->subsys[memory]);
	if (!css)
		return 0;
	memcg = (void *)css - bpf_core_field_offset(struct mem_cgroup, css);
	for (int node = 0; node < MAX_NODES; node++) {
		struct mem_cgroup_per_node *at = 0;
		struct pglist_data *data;

		bpf_probe_read_kernel(&at, sizeof(at),
				      (void *)__builtin_preserve_access_index(&memcg->nodeinfo[0]) + node * sizeof(at));
		data = at ? BPF_CORE_READ(at, lruvec.pgdat) : 0;
		/* There is one for each node, and something else behind the last. */
		if (!data || BPF_CORE_READ(at, memcg) != memcg || BPF_CORE_READ(data, node_id) != node)
			break;
		for (int zone = 0; zone < MAX_ZONES; zone++) {
			long count = 0;

			if (zone >= BPF_CORE_READ(data, nr_zones))
				break;
			bpf_probe_read_kernel(&count, sizeof(count),
					      (void *)__builtin_preserve_access_index(&data->node_zones[0]) +
						      zone * bpf_core_type_size(struct zone) +
						      bpf_core_field_offset(struct zone, vm_stat) +
						      bpf_core_enum_value(enum zone_stat_item, NR_FREE_PAGES) *
							      sizeof(count));
			sum += count > 0 ? count : 0;
		}
	}
	return sum;
}

static __always_inline void reclaim_begins(owner_t o)
{
	struct drsnoop_begin value = { .ts = bpf_ktime_get_ns() };
	__u32 tid = bpf_get_current_pid_tgid();

	if (with_free)
		value.free = free_pages();
	map_put(o, &begun, &tid, &value);
}

static __always_inline void reclaim_ends(owner_t o, __u64 pages, bool cgroup)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct drsnoop_begin *begin = map_get(o, &begun, &tid);
	struct drsnoop_event e = {};

	if (!begin)
		return;
	e.took = bpf_ktime_get_ns() - begin->ts;
	e.free = begin->free;
	e.pages = pages;
	e.cgroup = cgroup;
	map_del(o, &begun, &tid);
	emit(o, &e.head, sizeof(e));
}

TRACE_CURRENT("set=1,2", "tp_btf/mm_vmscan_direct_reclaim_begin", machine_begins)
{
	reclaim_begins(o);
	return 0;
}

TRACE_CURRENT("set=1,2", "tp_btf/mm_vmscan_direct_reclaim_end", machine_ends, unsigned long pages)
{
	reclaim_ends(o, pages, false);
	return 0;
}

/* A kernel may be without these limits: set 2. */
TRACE_CURRENT("set=1", "tp_btf/mm_vmscan_memcg_reclaim_begin", cgroup_begins)
{
	reclaim_begins(o);
	return 0;
}

TRACE_CURRENT("set=1", "tp_btf/mm_vmscan_memcg_reclaim_end", cgroup_ends, unsigned long pages)
{
	reclaim_ends(o, pages, true);
	return 0;
}
