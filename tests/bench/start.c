// SPDX-License-Identifier: MIT
/*
 *	bench-start CONFIG
 *
 * What minivmm itself costs until the first KVM_RUN, on any machine: the program's own way from
 * reading CONFIG to the first vCPU's thread, on the model of KVM (tests/mock) in place of the
 * kernel's. Writes a line of JSON: CPU time of the whole process, from its beginning (so the
 * dynamic linker is in it, and the model's book-keeping too), and the calls that went through the
 * seam.
 */
#include "tests/mock/model.h"
#include "vmm/machine/config_api.h"
#include "vmm/machine/machine.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct first_run {
	uint64_t cpu_us;
	unsigned long calls;
};

static uint64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The first thing that the guest does. */
static void take_time(struct model *m, void *ctx)
{
	struct first_run *first = ctx;

	first->cpu_us = cpu_us();
	first->calls = model_calls(m);
}

static void print_fault(void *ctx, const char *fault)
{
	(void)ctx;
	warnx("%s", fault);
}

int main(int argc, char **argv)
{
	uint64_t main_us = cpu_us(), model_us;
	struct first_run first = {0};
	const struct model_step guest[] = {CALL(take_time, &first), EXIT(KVM_EXIT_SHUTDOWN)};
	struct minivmm_config *config = minivmm_config_new();
	struct minivmm_result result;
	struct vmm_error error = {0};
	struct model *m = model_new();
	struct minivmm *vm = NULL;
	int ret;

	if (argc != 2 || !config)
		errx(1, "usage: bench-start CONFIG");
	model_script(m, 0, 0, guest, 2);
	model_us = cpu_us() - main_us;
	ret = minivmm_config_read(config, argv[1], print_fault, NULL, &error);
	if (ret == 0)
		ret = machine_create(&vm, &config->config, model_sys(m), NULL, &error);
	if (ret == 0)
		ret = minivmm_load(vm, &error);
	if (ret == 0)
		ret = minivmm_launch(vm, &error);
	if (ret == 0)
		ret = minivmm_run(vm, &error);
	if (ret == 0)
		ret = minivmm_wait(vm, 20000, &result);
	if (ret < 0 || !first.cpu_us)
		errx(1, "the VM did not run: %s", error.text);
	/* making the model is no part of a start */
	printf("{\"cpu_us\": %" PRIu64 ", \"before_main_us\": %" PRIu64 ", \"calls\": %lu}\n",
	       first.cpu_us - model_us, main_us, first.calls);
	minivmm_destroy(vm);
	minivmm_config_free(config);
	model_free(m);
	return 0;
}
