/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CBPF_CPUFREQ_H
#define CBPF_CPUFREQ_H

#define CPUFREQ_STEP_MHZ 200
#define CPUFREQ_CPUS 1024

/* One histogram for each name; idle CPUs, which have none, are the one without. */
struct cpufreq_key {
	__u8 comm[CBPF_COMM_LEN];
};

#endif
