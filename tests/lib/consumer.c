// SPDX-License-Identifier: MIT
/* A program of somebody else: uses the installed library as the header says. */
#include <minivmm/minivmm.h>

#include <stdio.h>
#include <string.h>

static void count(void *ctx, const char *text)
{
	int *lines = ctx;

	(void)text;
	(*lines)++;
}

int main(void)
{
	struct minivmm_config *config = minivmm_config_new();
	struct vmm_error err = {0};
	struct minivmm *vm = NULL;
	int lines = 0;

	if (!config)
		return 1;
	printf("version %s\n", minivmm_version());
	minivmm_config_help(count, &lines);
	printf("help %s\n", lines > 20 ? "yes" : "no");
	if (minivmm_config_set(config, "machine.vcpus", "2", &err) != 0 ||
	    minivmm_config_set(config, "boot.kernel", "\"/nonexistent/vmlinuz\"", &err) != 0)
		return 1;
	printf("set %s\n",
	       minivmm_config_set(config, "machine.vcpu", "2", &err) < 0 ? "refused" : "accepted");
	printf("check %d %s\n", minivmm_check(config, NULL, NULL, &err) < 0, err.text);
	if (minivmm_create(&vm, config, NULL, &err) < 0)
		printf("create failed: %s\n", err.text);
	else if (minivmm_load(vm, &err) < 0)
		printf("load failed: %s\n", err.text);
	minivmm_destroy(vm);
	minivmm_config_free(config);
	return 0;
}
