// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcprtt: the round-trip time of TCP connections, as the kernel has smoothed it, each time that a segment of an
 * established connection arrives. So a busy connection counts for more than a quiet one, and what a segment says of
 * the round-trip time is in it from the next one on.
 */
#include "tcprtt.h"
#include "hist.bpf.h"
#include "tcpsocks.bpf.h"

const volatile __u32 only_lport;
const volatile __u32 only_rport;
const volatile __u32 only_laddr_version; /* 4, 6, or 0: any address */
const volatile __u32 only_raddr_version;
const volatile __u8 only_laddr[16];
const volatile __u8 only_raddr[16];
const volatile bool by_laddr;
const volatile bool by_raddr;

REPORT(hists, HASH, 4096, struct tcprtt_key, struct cbpf_hist);

static __always_inline bool same(const __u8 *addr, const volatile __u8 *wanted)
{
	bool same = true;

	for (int i = 0; i < 16; i++)
		same &= addr[i] == wanted[i];
	return same;
}

static __always_inline bool wanted(const struct cbpf_ends *ends)
{
	if ((only_lport && ends->lport != only_lport) || (only_rport && ends->dport != only_rport))
		return false;
	if (only_laddr_version && (ends->version != only_laddr_version || !same(ends->saddr, only_laddr)))
		return false;
	return !only_raddr_version || (ends->version == only_raddr_version && same(ends->daddr, only_raddr));
}

TRACE_SOCK("", "tp_btf/tcp_probe", segment, sk, struct sock *sk)
{
	__u32 us = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;
	struct tcprtt_key key = {};
	struct cbpf_ends ends = {};

	sock_ends(sk, &ends);
	if (!us || !wanted(&ends)) /* 0: nothing has been measured yet */
		return KEEP;
	if (by_laddr || by_raddr) {
		key.version = ends.version;
		__builtin_memcpy(key.addr, by_laddr ? ends.saddr : ends.daddr, sizeof(key.addr));
	}
	hist_add_ns(o, &hists, &key, us * 1000ULL);
	return KEEP;
}
