/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The option -P of the tools of sockets: a bit for each port that is wanted. */
#ifndef CBPF_PORTS_BPF_H
#define CBPF_PORTS_BPF_H

const volatile bool some_ports;
const volatile __u8 ports[65536 / 8];

/* `port` as people write it. */
static __always_inline bool port_wanted(__u16 port)
{
	return !some_ports || ports[port / 8] & 1 << port % 8;
}

#endif
