/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_HARDIRQS_H
#define CBPF_HARDIRQS_H

struct hardirqs_key {
	__u8 name[32]; /* of the handler: a device's, or a queue's of it */
	__u32 cpu;     /* 0 unless counted by CPU */
};

#endif
