// SPDX-License-Identifier: MIT
/*
 *	bench-hash snp|tdx MIB SECONDS
 *
 * How fast a launch measurement is computed: MIB of random bytes as one boot item, measured again
 * and again for SECONDS. Uses the CPUs that it may run on. Writes a line of JSON: bytes that went
 * through SHA-384 per second, those of page records included, and bytes of content per second.
 */
#include "cc/tech.h"
#include "vmm/base/bytes.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bytes hashed for a page of 4096: its contents, and */
#define SNP_RECORDS 112	       /* PAGE_INFO */
#define TDX_RECORDS (17 * 128) /* one MEM.PAGE.ADD, 16 MR.EXTEND */

#define GPA MIB(1)

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Contents matter little to SHA-384; pages that exist do. */
static void fill(uint8_t *bytes, uint64_t len)
{
	uint64_t x = 88172645463325252;

	for (uint64_t at = 0; at < len; at += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(bytes + at, &x, sizeof(x));
	}
}

static void measure(const struct cc_config *config, uint64_t len, double seconds)
{
	struct cc_measurement measurement;
	struct vmm_error error = {0};
	static struct load_plan plan;
	double start, took, page;
	struct guest_mem mem;
	uint64_t rounds = 0;
	int ret;

	mem_init(&mem, sys_host(), NULL, MEM_PAGES_SMALL);
	load_plan_init(&plan, &mem);
	ret = mem_add_ram(&mem, len + MIB(32), &error);
	if (ret < 0 || !load_plan_add(&plan, "data", GPA, len, LOAD_DATA, &error))
		errx(1, "%s", error.text);
	fill(mem_ptr(&mem, GPA, len), len);
	start = seconds_now();
	do {
		if (cc_measure(config, &plan, &mem, &measurement, &error) < 0)
			errx(1, "%s", error.text);
		rounds++;
		took = seconds_now() - start;
	} while (took < seconds);
	page = 4096 + (config->tech == &cc_snp ? SNP_RECORDS : TDX_RECORDS);
	printf("{\"hashed_per_s\": %.0f, \"content_per_s\": %.0f}\n",
	       (double)(rounds * len) / 4096 * page / took, (double)(rounds * len) / took);
	mem_destroy(&mem);
}

int main(int argc, char **argv)
{
	struct cc_config config = {.vcpus = 1, .snp = {.policy = 0x30000}};

	if (argc != 4)
		errx(1, "usage: bench-hash snp|tdx MIB SECONDS");
	config.tech = strcmp(argv[1], "snp") == 0 ? &cc_snp : &cc_tdx;
	measure(&config, MIB(strtoull(argv[2], NULL, 10)), strtod(argv[3], NULL));
	return 0;
}
