// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * filetop: which files are read and written most, by thread. Counted at the end of the system call: the bytes are those
 * that were read or written, not those that were asked for, and readv and its kin count too. The file is the one behind
 * the descriptor by then; a program that closes it in another thread meanwhile deceives itself. Not seen is what
 * io_uring, splice, sendfile and memory maps move.
 */
#include "filetop.h"
#include "file.bpf.h"

/* Sockets, pipes and devices too. */
const volatile bool all_files;

static const struct filetop_value none;

REPORT(files, HASH, 10240, struct filetop_key, struct filetop_value);

static __always_inline bool may_move(struct pt_regs *regs, long ret)
{
	return ret >= 0 && may_be_op(regs);
}

TRACE_CURRENT_IF("", "tp_btf/sys_exit", call_ends, may_move(regs, ret), struct pt_regs *regs, long ret)
{
	enum cbpf_file_op op = file_op(regs);
	struct filetop_key key = {};
	struct filetop_value *value;
	__u8 name[CBPF_NAME_LEN] = {};
	struct open_file open;
	struct inode *inode;
	__u32 mode;

	if (op != CBPF_FILE_READ && op != CBPF_FILE_WRITE)
		return 0;
	open = current_file(first_fd(regs));
	inode = open.inode;
	if (!inode)
		return 0;
	mode = BPF_CORE_READ(inode, i_mode);
	if (!all_files && !is_regular(mode))
		return 0;
	key.inode = BPF_CORE_READ(inode, i_ino);
	key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	key.generation = BPF_CORE_READ(inode, i_generation);
	key.pid = o.who.pid;
	key.tid = o.who.tid;
	file_name(open.file, name);
	if (!still_open(&open))
		return 0;
	value = map_get_or_zero(o, &files, &key, &none);
	if (!value)
		return 0;
	value->mode = mode;
	__builtin_memcpy(value->name, name, sizeof(name)); /* each time: a file can be renamed */
	bpf_get_current_comm(value->comm, sizeof(value->comm));
	if (op == CBPF_FILE_READ) {
		COUNT(value->reads);
		__sync_fetch_and_add(&value->read_bytes, ret);
	} else {
		COUNT(value->writes);
		__sync_fetch_and_add(&value->write_bytes, ret);
	}
	matched(o, 1);
	return 0;
}
