// SPDX-License-Identifier: MIT
/* The commands that start nothing: check, plan, measure, probe. */
#include "vmm/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_fault(void *ctx, const char *fault)
{
	unsigned int *faults = ctx;

	if (faults)
		(*faults)++;
	tell("%s", fault);
}

void complain_of(const struct minivmm_config *config, const struct vmm_error *err)
{
	if (!minivmm_explain(config, err, print_fault, NULL))
		complain("%s", err->text);
}

enum status config_open(struct minivmm_config **config, const char *path)
{
	struct vmm_error err = {0};
	unsigned int faults = 0;

	*config = minivmm_config_new();
	if (!*config) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	if (minivmm_config_read(*config, path, print_fault, &faults, &err) == 0)
		return STATUS_OK;
	if (faults == 0)
		complain("%s", err.text);
	minivmm_config_free(*config);
	*config = NULL;
	return STATUS_USAGE;
}

static enum status print_report(char *text)
{
	size_t len = strlen(text);
	int bad = fputs(text, stdout) < 0;

	if (len > 0 && text[len - 1] != '\n')
		bad |= putchar('\n') < 0;
	bad |= fflush(stdout) != 0;
	free(text);
	if (!bad)
		return STATUS_OK;
	complain("unable to write the report: %s", strerror(errno));
	return STATUS_FAILED;
}

typedef int report_fn(const struct minivmm_config *config, bool json, char **text,
		      struct vmm_error *err);

static enum status config_report(const struct options *options, report_fn *report)
{
	struct minivmm_config *config;
	struct vmm_error err = {0};
	enum status status;
	char *text;

	status = config_open(&config, options->config);
	if (status != STATUS_OK)
		return status;
	if (report(config, options->json, &text, &err) == 0) {
		status = print_report(text);
	} else {
		complain_of(config, &err);
		status = STATUS_FAILED;
	}
	minivmm_config_free(config);
	return status;
}

enum status cmd_plan(const struct options *options)
{
	return config_report(options, minivmm_plan);
}

enum status cmd_measure(const struct options *options)
{
	return config_report(options, minivmm_measure);
}

enum status cmd_check(const struct options *options)
{
	struct minivmm_config *config;
	struct vmm_error err = {0};
	unsigned int faults = 0;
	enum status status;
	int ret;

	status = config_open(&config, options->config);
	if (status != STATUS_OK)
		return status;
	ret = minivmm_check(config, print_fault, &faults, &err);
	if (ret == 0)
		printf("%s: ok\n", options->config);
	else
		status = ret == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	if (ret < 0 && faults == 0)
		complain("%s", err.text);
	minivmm_config_free(config);
	return status;
}

enum status cmd_probe(const struct options *options)
{
	struct vmm_error err = {0};
	char *text;

	if (minivmm_probe(options->json, &text, &err) == 0)
		return print_report(text);
	complain("%s", err.text);
	return STATUS_FAILED;
}
