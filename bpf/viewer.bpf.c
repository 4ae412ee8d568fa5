// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Not a tool: tells a process in a pid or user namespace of its own what it needs for its ownership record. Run
 * once, by a test run in the context of the process that asks; never attached.
 */
#include "viewer.h"

MAP(viewer, ARRAY, 1, __u32, struct viewer_info);

MAP(addresses, ARRAY, 1, __u32, struct kernel_stack);
MAP(names, ARRAY, 1, __u32, struct kernel_names);

NAME_ADDRESSES(name_addresses, addresses, names)

DESCRIBE_CALLER(describe_caller, viewer, struct viewer_info, info)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct cgroup_namespace *cgroups = BPF_CORE_READ(task, nsproxy, cgroup_ns);
	struct user_namespace *users = BPF_CORE_READ(task, real_cred, user_ns);
	struct upid upid;

	info->level = BPF_CORE_READ(pid, level);
	upid = upid_at(pid, info->level);
	info->pidns = BPF_CORE_READ(upid.ns, ns.inum);
	info->uid = BPF_CORE_READ(task, real_cred, uid.val);
	info->gid = BPF_CORE_READ(task, real_cred, gid.val);
	info->userns = BPF_CORE_READ(users, ns.inum);
	info->tgid = BPF_CORE_READ(task, tgid);
	info->cgroup = BPF_CORE_READ(cgroups, root_cset, dfl_cgrp, kn, id);
	info->own_cgroupns = BPF_CORE_READ(cgroups, root_cset, dfl_cgrp, level) != 0;
	info->extents = BPF_CORE_READ(users, uid_map.nr_extents);
	for (int i = 0; i < VIEWER_EXTENTS; i++) {
		info->map[i].first = BPF_CORE_READ(users, uid_map.extent[i].first);
		info->map[i].lower = BPF_CORE_READ(users, uid_map.extent[i].lower_first);
		info->map[i].count = BPF_CORE_READ(users, uid_map.extent[i].count);
	}
	return 0;
}
