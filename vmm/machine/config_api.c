// SPDX-License-Identifier: MIT
/* The minivmm_config_* functions of the public interface, over vmm/config. */
#include "vmm/machine/config_api.h"

#include "cc/dispatch.h"
#include "cc/tech.h"
#include "vmm/base/log.h"
#include "vmm/base/words.h"

#include <stdlib.h>
#include <string.h>

_Static_assert((int)MINIVMM_LOG_ERROR == (int)VMM_LOG_ERROR &&
		       (int)MINIVMM_LOG_TRACE == (int)VMM_LOG_TRACE,
	       "the public log levels are the internal ones");

struct minivmm_config *minivmm_config_new(void)
{
	struct minivmm_config *config = malloc(sizeof(*config));

	if (config)
		config_init(&config->config);
	return config;
}

void minivmm_config_free(struct minivmm_config *config)
{
	if (!config)
		return;
	config_clear(&config->config);
	free(config);
}

int minivmm_config_read(struct minivmm_config *config, const char *path, minivmm_fault_fn *fault,
			void *ctx, struct vmm_error *err)
{
	return config_read_file(&config->config, path, fault, ctx, err);
}

int minivmm_config_set(struct minivmm_config *config, const char *key, const char *value,
		       struct vmm_error *err)
{
	return config_set(&config->config, key, value, err);
}

bool minivmm_config_uses_terminal(const struct minivmm_config *config)
{
	return config->config.serial.output.kind == ENDPOINT_STDIO ||
	       config->config.console.output.kind == ENDPOINT_STDIO;
}

unsigned int minivmm_config_grace(const struct minivmm_config *config)
{
	return config->config.machine.grace;
}

int minivmm_config_log_level(const struct minivmm_config *config)
{
	return config->config.log.level;
}

const char *minivmm_config_log_file(const struct minivmm_config *config)
{
	return config->config.log.file;
}

void minivmm_make_printable(char *text)
{
	text_make_printable(text);
}

bool minivmm_config_snp_policy(const struct minivmm_config *config, uint64_t *policy)
{
	*policy = config->config.cc.snp.policy;
	return cc_techs[config->config.machine.cc] == &cc_snp;
}

void minivmm_config_help(void (*line)(void *ctx, const char *text), void *ctx)
{
	config_help(line, ctx);
}
