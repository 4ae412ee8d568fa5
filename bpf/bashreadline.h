/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_BASHREADLINE_H
#define CBPF_BASHREADLINE_H

/* Behind it stands the line, with its NUL, if it could be read. */
struct bashreadline_event {
	struct cbpf_head head;
};

#endif
