// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bashreadline: lines that readline returns to an interactive bash, at its return. A line may hold a password that was
 * typed at the wrong prompt: so in every scope only the viewer's own user's lines are shown, never another's.
 */
#include "bashreadline.h"

/* The functions are in a library that other programs use too. */
const volatile bool bash_only;

#define LINE_MAX 4096

/* By the name of the executable: a process can change its own name, and a script that starts has the shell's. */
static __always_inline bool is_bash(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	const unsigned char *name = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
	char start[8] = {};

	bpf_probe_read_kernel_str(start, sizeof(start), name);
	return start[0] == 'b' && start[1] == 'a' && start[2] == 's' && start[3] == 'h' && !start[4];
}

TRACE_RETURN("", USER_SETS, readline_ends, const char *line)
{
	struct cbpf_subject who = {};
	struct bashreadline_event *e;
	__u32 len;

	describe(o, &who);
	/* At the end of the input there is no line. */
	if (who.uid != owner.uid || !line || (bash_only && !is_bash()))
		return 0;
	e = scratch(o, struct bashreadline_event);
	if (!e)
		return 0;
	len = read_string(&e->head, (char *)(e + 1), LINE_MAX, line);
	emit_scratch(o, e, len);
	return 0;
}
