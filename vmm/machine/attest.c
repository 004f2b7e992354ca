// SPDX-License-Identifier: MIT
#include "vmm/machine/attest.h"

#include "cc/measure.h"
#include "cc/snp_certs.h"
#include "mem/file.h"
#include "vmm/base/text.h"
#include "vmm/machine/quote.h"

#include <errno.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

/* Largest text that still is base64 of `size` bytes, line breaks and all. */
static uint64_t base64_limit(size_t size)
{
	return (uint64_t)size * 2 + 64;
}

static int decode_base64(const char *key, const struct mem_file *file, uint8_t *out, size_t size,
			 struct vmm_error *err)
{
	struct base64_decode_ctx ctx;
	size_t got = BASE64_DECODE_LENGTH(file->size);
	uint8_t *raw = malloc(got);
	char *text = malloc(file->size);
	int ret = -ENOMEM;

	if (!raw || !text) {
		vmm_error_errno(err, ret, "%s: unable to read %s", key, file->path);
		goto out;
	}
	ret = mem_file_read(file, 0, text, file->size, err);
	if (ret < 0)
		goto out;
	base64_decode_init(&ctx);
	if (!base64_decode_update(&ctx, &got, raw, file->size, text) ||
	    !base64_decode_final(&ctx) || got != size)
		ret = vmm_error_set(err, -EINVAL, "%s: %s is neither %zu bytes nor their base64",
				    key, file->path, size);
	else
		memcpy(out, raw, size);
out:
	free(text);
	free(raw);
	return ret;
}

/* A blob of exactly `size` bytes, as it is or in base64. */
static int read_blob(const char *key, const char *path, const struct sys *sys, uint8_t *out,
		     size_t size, struct vmm_error *err)
{
	struct mem_file file;
	int ret = mem_file_open(&file, sys, path, err);

	if (ret < 0) {
		vmm_error_prefix(err, "%s", key);
		return ret;
	}
	if (file.size == size)
		ret = mem_file_read(&file, 0, out, size, err);
	else if (file.size == 0 || file.size > base64_limit(size))
		ret = vmm_error_set(err, -EINVAL, "%s: %s has %llu bytes, not %zu or their base64",
				    key, path, (unsigned long long)file.size, size);
	else
		ret = decode_base64(key, &file, out, size, err);
	mem_file_close(&file);
	return ret;
}

static int read_snp(struct cc_setup *setup, const struct config_snp *config, const struct sys *sys,
		    struct vmm_error *err)
{
	struct cc_snp_config *snp = &setup->config.snp;
	struct snp_certs certs = {0};
	int ret = 0;

	if (config->id_block) {
		ret = read_blob("snp.id-block", config->id_block, sys, setup->id_block,
				sizeof(setup->id_block), err);
		snp->id_block = setup->id_block;
	}
	if (ret == 0 && config->id_auth) {
		ret = read_blob("snp.id-auth", config->id_auth, sys, setup->id_auth,
				sizeof(setup->id_auth), err);
		snp->id_auth = setup->id_auth;
	}
	if (ret == 0 && config->certs) {
		ret = snp_certs_open(&certs, sys, config->certs, err);
		if (ret == -EAGAIN) /* they are being renewed: nobody needs them before the guest */
			ret = 0;
		if (ret < 0)
			vmm_error_prefix(err, "snp.certs");
		snp_certs_close(&certs);
		snp->request_certs = true;
	}
	return ret;
}

int attest_read(struct cc_setup *setup, const struct vmm_config *config, const struct sys *sys,
		struct vmm_error *err)
{
	struct quote_address address;

	switch (setup->config.tech) {
	case CC_SNP:
		return read_snp(setup, &config->snp, sys, err);
	case CC_TDX:
		if (config->tdx.quote_socket)
			return quote_address_parse(&address, config->tdx.quote_socket, err);
		break;
	case CC_NONE:
	case CC_SW_PROTECTED:
		break;
	}
	return 0;
}

static bool wants_measurement(const struct cc_config *config, const struct vmm_log *log)
{
	if (config->tech != CC_SNP && config->tech != CC_TDX)
		return false;
	return config->snp.id_block || (log && log->write && log->level >= VMM_LOG_INFO);
}

int attest_expect(const struct cc_config *config, const struct load_plan *plan,
		  const struct guest_mem *mem, const struct vmm_log *log, struct vmm_error *err)
{
	struct cc_measurement measurement;
	struct text hex = {0};
	char *text;
	int ret;

	if (!wants_measurement(config, log))
		return 0;
	ret = cc_measure(config, plan, mem, &measurement, err);
	if (ret < 0) {
		vmm_error_prefix(err, "unable to compute the expected launch measurement");
		return ret;
	}
	for (size_t i = 0; i < sizeof(measurement.digest); i++)
		text_add(&hex, "%02x", measurement.digest[i]);
	ret = text_take(&hex, &text, err);
	if (ret < 0)
		return ret;
	vmm_log(log, VMM_LOG_INFO, "launch measurement %s expected", text);
	free(text);
	if (config->tech == CC_SNP && config->snp.id_block)
		return snp_id_block_check(config->snp.id_block, measurement.digest,
					  config->snp.policy, err);
	return 0;
}
