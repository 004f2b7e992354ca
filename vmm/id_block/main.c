// SPDX-License-Identifier: MIT
#include "vmm/base/bytes.h"
#include "vmm/base/words.h"
#include "vmm/cli/standard_fds.h"
#include "vmm/id_block/id_block.h"
#include "vmm/minivmm.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <nettle/base64.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2, /* wrong command line or configuration */
};

struct options {
	const char *config;
	const char *key;
	const char *author_key; /* or NULL */
	const char *out;
	bool base64;
	uint32_t svn;
	uint8_t family_id[16];
	uint8_t image_id[16];
};

static const char help[] =
	"usage: minivmm-id-block CONFIG --key KEY --out DIR [OPTION]...\n"
	"\n"
	"Makes the ID block of an SNP guest and signs it: with snp.id-block and snp.id-auth in its\n"
	"configuration the firmware starts the guest only if it measures what was signed here, and\n"
	"attestation reports name the key. The measurement is that of `minivmm measure CONFIG`.\n"
	"\n"
	"  --key FILE          private key that signs the ID block: EC P-384, PEM, not encrypted\n"
	"  --author-key FILE   private key that signs the public half of the other one\n"
	"  --out DIR           where id-block.bin and id-auth.bin are written\n"
	"  --base64            write them as text, id-block.b64 and id-auth.b64\n"
	"  --svn N             security version of the guest, 0 if not given\n"
	"  --family-id HEX     16 bytes of the owner's choice, zeros if not given\n"
	"  --image-id HEX      the same\n"
	"  --help, --version\n"
	"\n"
	"The same input always gives the same files. Make a key with:\n"
	"  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out id.pem\n"
	"\n"
	"exit status: 0 written; 1 failed; 2 wrong command line or configuration\n";

static void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("minivmm-id-block: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void print_hex(const char *what, const uint8_t digest[SHA384_LEN])
{
	char digits[2 * SHA384_LEN + 1];

	hex_write(digits, digest, SHA384_LEN);
	printf("%-18s %s\n", what, digits);
}

/* --- the command line ------------------------------------------------------------------------- */

static bool parse_svn(const char *text, uint32_t *svn)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || text[0] == '-' || value > UINT32_MAX)
		return false;
	*svn = (uint32_t)value;
	return true;
}

static const struct option table[] = {
	{"key", required_argument, NULL, 'k'},	    {"author-key", required_argument, NULL, 'a'},
	{"out", required_argument, NULL, 'o'},	    {"base64", no_argument, NULL, 'b'},
	{"svn", required_argument, NULL, 's'},	    {"family-id", required_argument, NULL, 'f'},
	{"image-id", required_argument, NULL, 'i'}, {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},	    {0},
};

static enum status bad_value(const char *option, const char *value, const char *expected)
{
	complain("--%s %s: expected %s", option, value, expected);
	return STATUS_USAGE;
}

/* *done: nothing is left to do, and the status is what to end with. */
static enum status parse_options(int argc, char **argv, struct options *o, bool *done)
{
	int code;

	*done = true;
	while ((code = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (code) {
		case 'k':
			o->key = optarg;
			break;
		case 'a':
			o->author_key = optarg;
			break;
		case 'o':
			o->out = optarg;
			break;
		case 'b':
			o->base64 = true;
			break;
		case 's':
			if (!parse_svn(optarg, &o->svn))
				return bad_value("svn", optarg, "a number from 0 to 4294967295");
			break;
		case 'f':
			if (!hex_read(optarg, o->family_id, sizeof(o->family_id)))
				return bad_value("family-id", optarg, "32 hexadecimal digits");
			break;
		case 'i':
			if (!hex_read(optarg, o->image_id, sizeof(o->image_id)))
				return bad_value("image-id", optarg, "32 hexadecimal digits");
			break;
		case 'h':
			fputs(help, stdout);
			return STATUS_OK;
		case 'v':
			printf("minivmm-id-block %s\n", minivmm_version());
			return STATUS_OK;
		default: /* getopt_long() has said what is wrong */
			return STATUS_USAGE;
		}
	}
	if (optind != argc - 1 || !o->key || !o->out) {
		complain("usage: minivmm-id-block CONFIG --key KEY --out DIR, see --help");
		return STATUS_USAGE;
	}
	o->config = argv[optind];
	*done = false;
	return STATUS_OK;
}

/* --- what is signed --------------------------------------------------------------------------- */

static void print_fault(void *ctx, const char *fault)
{
	unsigned int *faults = ctx;

	(*faults)++;
	fprintf(stderr, "%s\n", fault);
}

static enum status measure(const struct minivmm_config *config, const char *path,
			   struct snp_id_block *block)
{
	struct vmm_error err = {0};
	char *text;

	if (!minivmm_config_snp_policy(config, &block->policy)) {
		complain("%s: an ID block is for machine.cc = \"snp\"", path);
		return STATUS_USAGE;
	}
	if (minivmm_measure(config, false, &text, &err) < 0) {
		complain("%s", err.text);
		return STATUS_FAILED;
	}
	if (!hex_read(text, block->launch_digest, sizeof(block->launch_digest))) {
		complain("%s: the measurement is no digest: %s", path, text);
		free(text);
		return STATUS_FAILED;
	}
	free(text);
	return STATUS_OK;
}

static enum status block_from_config(const struct options *o, struct snp_id_block *block)
{
	struct minivmm_config *config = minivmm_config_new();
	struct vmm_error err = {0};
	unsigned int faults = 0;
	enum status status;

	if (!config) {
		complain("out of memory");
		return STATUS_FAILED;
	}
	if (minivmm_config_read(config, o->config, print_fault, &faults, &err) < 0) {
		if (faults == 0)
			complain("%s", err.text);
		status = STATUS_USAGE;
	} else {
		status = measure(config, o->config, block);
	}
	minivmm_config_free(config);
	return status;
}

/* --- what is written -------------------------------------------------------------------------- */

static int write_blobs(const struct options *o, const struct snp_id_block *block,
		       const struct snp_id_auth *auth, struct vmm_error *err)
{
	char block_text[BASE64_ENCODE_RAW_LENGTH(SNP_ID_BLOCK_SIZE) + 1];
	char auth_text[BASE64_ENCODE_RAW_LENGTH(SNP_ID_AUTH_SIZE) + 1];
	const struct output_file raw[] = {
		{"id-block.bin", "id-block.bin.new", block, SNP_ID_BLOCK_SIZE},
		{"id-auth.bin", "id-auth.bin.new", auth, SNP_ID_AUTH_SIZE},
	};
	const struct output_file text[] = {
		{"id-block.b64", "id-block.b64.new", block_text, sizeof(block_text)},
		{"id-auth.b64", "id-auth.b64.new", auth_text, sizeof(auth_text)},
	};

	if (!o->base64)
		return output_write(o->out, raw, ARRAY_SIZE(raw), err);
	base64_encode_raw(block_text, sizeof(*block), (const uint8_t *)block);
	base64_encode_raw(auth_text, sizeof(*auth), (const uint8_t *)auth);
	block_text[sizeof(block_text) - 1] = auth_text[sizeof(auth_text) - 1] = '\n';
	return output_write(o->out, text, ARRAY_SIZE(text), err);
}

static void report(const struct snp_id_block *block, const struct id_key *key,
		   const struct id_key *author)
{
	uint8_t digest[SHA384_LEN];

	print_hex("measurement", block->launch_digest);
	printf("%-18s %#" PRIx64 "\n", "policy", block->policy);
	id_public_key_digest(key, digest);
	print_hex("id key digest", digest);
	if (author) {
		id_public_key_digest(author, digest);
		print_hex("author key digest", digest);
	}
}

static int sign_and_write(const struct options *o, const struct snp_id_block *block,
			  struct vmm_error *err)
{
	struct id_key *key = NULL, *author = NULL;
	struct snp_id_auth auth;
	int ret;

	ret = id_key_read(&key, o->key, err);
	if (ret == 0 && o->author_key)
		ret = id_key_read(&author, o->author_key, err);
	if (ret == 0)
		ret = id_auth_make(block, key, author, &auth, err);
	if (ret == 0)
		ret = write_blobs(o, block, &auth, err);
	if (ret == 0)
		report(block, key, author);
	id_key_free(author);
	id_key_free(key);
	return ret;
}

int main(int argc, char **argv)
{
	struct snp_id_block block = {.version = SNP_ID_BLOCK_VERSION};
	struct options options = {0};
	struct vmm_error err = {0};
	enum status status;
	bool done;

	standard_fds_fill();
	status = parse_options(argc, argv, &options, &done);
	if (done)
		return (int)status;
	status = block_from_config(&options, &block);
	if (status != STATUS_OK)
		return (int)status;
	memcpy(block.family_id, options.family_id, sizeof(block.family_id));
	memcpy(block.image_id, options.image_id, sizeof(block.image_id));
	block.guest_svn = options.svn;
	if (sign_and_write(&options, &block, &err) < 0) {
		complain("%s", err.text);
		return STATUS_FAILED;
	}
	if (fflush(stdout) != 0) {
		complain("unable to write to standard output: %s", strerror(errno));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}
