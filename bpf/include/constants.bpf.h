/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Constants of the kernel that several files need. BTF has none of them: they are macros. */
#ifndef CBPF_CONSTANTS_BPF_H
#define CBPF_CONSTANTS_BPF_H

#define AF_INET 2
#define AF_INET6 10

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000

#define TASK_DEAD 0x80 /* the last switch of a thread; the same since 4.14 */

#endif
