// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cpufreq: the frequency of the CPU that an owned task runs on, sampled. The kernel tells when it sets another one;
 * what it was before, the report has read. Drivers that leave the frequency to the hardware tell nothing.
 */
#include "cpufreq.h"
#include "hist.bpf.h"
#include "sample.bpf.h"

/* kHz, by CPU, when the trace began. */
const volatile __u32 first_khz[CPUFREQ_CPUS];

MAP(khz, HASH, CPUFREQ_CPUS, __u32, __u64); /* the same since, where it has changed */
MAP(hists, HASH, 4096, struct cpufreq_key, struct cbpf_hist);

NOTE_OF_CPU("", "tp_btf/cpu_frequency", frequency_set, khz, (cpu), (frequency), unsigned int frequency,
	    unsigned int cpu)

SAMPLE_CPU_TIME(sample)
{
	__u64 *now = map_get(o, &khz, &cpu), mhz;
	struct cpufreq_key key = {};

	mhz = (now ? *now : cpu < CPUFREQ_CPUS ? first_khz[cpu] : 0) / 1000;
	if (!mhz)
		return 0;
	if (BPF_CORE_READ(task, pid))
		BPF_CORE_READ_STR_INTO(&key.comm, task, comm);
	hist_count_times(o, &hists, &key, mhz / CPUFREQ_STEP_MHZ, mhz, samples);
	return 0;
}
