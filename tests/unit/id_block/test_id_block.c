// SPDX-License-Identifier: MIT
/* Keys, signatures and layout of minivmm-id-block, against vectors that other tools agree on. */
#include "cc/snp.h"
#include "snp-vectors.h"
#include "tests/unit/suite.h"
#include "vmm/base/bytes.h"
#include "vmm/id_block/id_block.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A value of the vector; its keys everybody has: never use them. */
static const char *si1(const char *name)
{
	const struct vector *blocks = vector_get(snp_vectors, "id_blocks");

	vector_require(blocks->n == 1 && strcmp(vector_text(blocks->child, "id"), "si1") == 0,
		       "there are other ID blocks than si1");
	return vector_text(blocks->child, name);
}

#define id_pem	   si1("id_key_pem_test_only")
#define author_pem si1("author_key_pem_test_only")

static char dir[] = "/tmp/id-block.XXXXXX";
static char path[64];
static struct vmm_error err;
static struct id_key *key;

static void setup(void)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	key = NULL;
	memset(&err, 0, sizeof(err));
}

static void teardown(void)
{
	char command[64];

	id_key_free(key);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void put_file(const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static struct id_key *key_of(const char *pem)
{
	struct id_key *k;

	put_file(pem, strlen(pem));
	ck_assert_msg(id_key_read(&k, path, &err) == 0, "%s", err.text);
	return k;
}

/* Everything in it is of the vector. */
static void make_block(struct snp_id_block *block)
{
	const struct vector *v = vector_get(snp_vectors, "id_blocks")->child;

	*block = (struct snp_id_block){
		.version = (uint32_t)vector_number(v, "version"),
		.guest_svn = (uint32_t)vector_number(v, "guest_svn"),
		.policy = vector_number(v, "policy"),
	};

	vector_bytes(si1("launch_digest"), block->launch_digest, sizeof(block->launch_digest));
	vector_bytes(si1("family_id"), block->family_id, sizeof(block->family_id));
	vector_bytes(si1("image_id"), block->image_id, sizeof(block->image_id));
}

static void assert_base64(const char *expected, const uint8_t *bytes, size_t len)
{
	char *text = malloc(BASE64_ENCODE_RAW_LENGTH(len) + 1);

	ck_assert_ptr_nonnull(text);
	base64_encode_raw(text, len, bytes);
	text[BASE64_ENCODE_RAW_LENGTH(len)] = '\0';
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(key_digests_are_those_of_the_vector)
{
	struct id_key *author;
	uint8_t digest[SHA384_LEN];

	key = key_of(id_pem);
	id_public_key_digest(key, digest);
	vector_assert(si1("id_key_digest"), digest, sizeof(digest), "ID key");
	author = key_of(author_pem);
	id_public_key_digest(author, digest);
	vector_assert(si1("author_key_digest"), digest, sizeof(digest), "author key");
	id_key_free(author);
}
END_TEST

START_TEST(the_block_is_that_of_the_vector)
{
	struct snp_id_block block;
	uint8_t digest[SHA384_LEN];
	struct sha384_ctx sha;

	make_block(&block);
	vector_assert(si1("id_block_hex"), (const uint8_t *)&block, sizeof(block), "ID block");
	assert_base64(si1("id_block_base64"), (const uint8_t *)&block, sizeof(block));
	sha384_init(&sha);
	sha384_update(&sha, sizeof(block), (const uint8_t *)&block);
	sha384_digest(&sha, sizeof(digest), digest);
	vector_assert(si1("id_block_sha384"), digest, sizeof(digest), "ID block");
}
END_TEST

/* Signatures and all: they are deterministic. */
START_TEST(id_auth_is_that_of_the_vector_byte_for_byte)
{
	struct snp_id_block block;
	struct snp_id_auth auth;
	struct id_key *author;
	struct sha256_ctx sha;
	uint8_t digest[32];

	key = key_of(id_pem);
	author = key_of(author_pem);
	make_block(&block);
	ck_assert_int_eq(id_auth_make(&block, key, author, &auth, &err), 0);
	id_key_free(author);
	sha256_init(&sha);
	sha256_update(&sha, sizeof(auth), (const uint8_t *)&auth);
	sha256_digest(&sha, sizeof(digest), digest);
	vector_assert(si1("id_auth_sha256_rfc6979_signatures"), digest, sizeof(digest), "ID auth");
	assert_base64(si1("id_auth_base64"), (const uint8_t *)&auth, sizeof(auth));
	ck_assert_int_eq(snp_id_auth_has_author(&auth), atoi(si1("auth_key_en")));
}
END_TEST

START_TEST(without_author_everything_of_it_is_zero)
{
	static const uint8_t none[SNP_ID_AUTH_SIZE];
	struct snp_id_block block;
	struct snp_id_auth auth;

	key = key_of(id_pem);
	make_block(&block);
	ck_assert_int_eq(id_auth_make(&block, key, NULL, &auth, &err), 0);
	ck_assert_uint_eq(auth.key_algorithm, 1);
	ck_assert_uint_eq(auth.author_algorithm, 0);
	ck_assert_mem_eq((const uint8_t *)&auth + 0x680, none, sizeof(auth) - 0x680);
	ck_assert(!snp_id_auth_has_author(&auth));
}
END_TEST

/* Numbers that begin with zeros are not moved: one signature in 256 has such an R. */
START_TEST(short_numbers_keep_their_place)
{
	struct p384_pair signature;
	unsigned int shorter = 0;

	key = key_of(id_pem);
	for (uint32_t i = 0; i < 1000; i++) {
		ck_assert_int_eq(id_key_sign(key, &i, sizeof(i), &signature, &err), 0);
		shorter += signature.x[0] == 0 || signature.y[0] == 0;
	}
	ck_assert_uint_gt(shorter, 0);
}
END_TEST

START_TEST(pkcs8_and_parameters_in_front_are_fine)
{
	static const char *const commands[] = {
		"openssl ecparam -name secp384r1 -genkey",
		"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
	};
	char command[256];

	snprintf(command, sizeof(command), "%s -out %s 2>/dev/null", commands[_i], path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_msg(id_key_read(&key, path, &err) == 0, "%s", err.text);
}
END_TEST

static const struct {
	const char *command;
	const char *says;
} refused[] = {
	{"openssl ecparam -name prime256v1 -genkey -noout", "SECP256R1"},
	{"openssl ecparam -name secp521r1 -genkey -noout", "SECP521R1"},
	{"openssl ecparam -name secp256k1 -genkey -noout", "cannot be used"},
	{"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "RSA"},
	{"openssl genpkey -algorithm ED25519", "EdDSA"},
	{"openssl ecparam -name secp384r1 -genkey -noout | openssl ec -pubout", "public key only"},
	{"openssl ecparam -name secp384r1 -genkey -noout | openssl ec -aes128 -passout pass:x",
	 "encrypted"},
	{"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -aes256 -pass pass:x",
	 "encrypted"},
	{"openssl ecparam -name secp384r1 -genkey -noout | openssl ec -outform DER",
	 "no private key in PEM"},
	{"true", "no private key in PEM"},
	{"echo '-----BEGIN EC PRIVATE KEY-----'; echo AAAA; echo '-----END EC PRIVATE KEY-----'",
	 "cannot be used"},
	{"head -c 70000 /dev/zero", "too large"},
};

START_TEST(other_keys_are_refused_with_a_sentence)
{
	char command[512];

	snprintf(command, sizeof(command), "{ %s; } > %s 2>/dev/null", refused[_i].command, path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(id_key_read(&key, path, &err), -EINVAL);
	ck_assert_ptr_null(key);
	ck_assert_msg(strstr(err.text, refused[_i].says) && strstr(err.text, path), "%s", err.text);
}
END_TEST

START_TEST(a_missing_key_file_is_named)
{
	ck_assert_int_eq(id_key_read(&key, path, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, path));
}
END_TEST

/* A file whose halves come from different keys would give a signature that no firmware takes. */
START_TEST(a_public_key_of_another_key_is_found_out)
{
	struct base64_decode_ctx ctx;
	uint8_t id_der[256], author_der[256];
	char text[512] = "-----BEGIN EC PRIVATE KEY-----\n";
	size_t len = sizeof(id_der);
	struct p384_pair signature;

	base64_decode_init(&ctx);
	ck_assert(base64_decode_update(&ctx, &len, id_der, strlen(id_pem) - 62, id_pem + 31));
	len = sizeof(author_der);
	base64_decode_init(&ctx);
	ck_assert(base64_decode_update(&ctx, &len, author_der, strlen(author_pem) - 62,
				       author_pem + 31));
	ck_assert_uint_eq(len, 167);
	memcpy(id_der + len - 96, author_der + len - 96, 96);
	base64_encode_raw(text + strlen(text), len, id_der);
	strcat(text, "\n-----END EC PRIVATE KEY-----\n");
	put_file(text, strlen(text));
	ck_assert_msg(id_key_read(&key, path, &err) == 0, "%s", err.text);
	ck_assert_int_eq(id_key_sign(key, "x", 1, &signature, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "does not belong"));
}
END_TEST

static size_t read_back(const char *name, char *out, size_t size)
{
	char file[128];
	size_t n;
	FILE *f;

	snprintf(file, sizeof(file), "%s/out/%s", dir, name);
	f = fopen(file, "r");
	if (!f)
		return SIZE_MAX;
	n = fread(out, 1, size, f);
	fclose(f);
	return n;
}

START_TEST(files_are_replaced_as_a_whole)
{
	struct output_file files[] = {{"a", "a.new", "one", 3}, {"b", "b.new", "two", 3}};
	char out[128], got[16];

	snprintf(out, sizeof(out), "%s/out", dir);
	ck_assert_int_eq(output_write(out, files, 2, &err), 0);
	files[0].data = "longer";
	files[0].len = 6;
	ck_assert_int_eq(output_write(out, files, 2, &err), 0);
	ck_assert_uint_eq(read_back("a", got, sizeof(got)), 6);
	ck_assert_mem_eq(got, "longer", 6);
	ck_assert_uint_eq(read_back("b", got, sizeof(got)), 3);
	ck_assert_uint_eq(read_back("a.new", got, sizeof(got)), SIZE_MAX);
	ck_assert_uint_eq(read_back("b.new", got, sizeof(got)), SIZE_MAX);
}
END_TEST

START_TEST(a_failure_leaves_the_old_files)
{
	struct output_file files[] = {{"a", "a.new", "one", 3},
				      {"no/such/folder", "no/such/new", "two", 3}};
	char out[128], got[16];

	snprintf(out, sizeof(out), "%s/out", dir);
	ck_assert_int_eq(output_write(out, files, 1, &err), 0);
	files[0].data = "new";
	ck_assert_int_eq(output_write(out, files, 2, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "no/such/folder"));
	ck_assert_uint_eq(read_back("a", got, sizeof(got)), 3);
	ck_assert_mem_eq(got, "one", 3);
	ck_assert_uint_eq(read_back("a.new", got, sizeof(got)), SIZE_MAX);
}
END_TEST

START_TEST(a_link_in_the_place_of_the_temporary_file_is_not_followed)
{
	const struct output_file file = {"a", "a.new", "one", 3};
	char out[128], link[128], got[16];

	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(link, sizeof(link), "%s/out/a.new", dir);
	put_file("precious", 8);
	ck_assert_int_eq(mkdir(out, 0755), 0);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(output_write(out, &file, 1, &err), 0);
	ck_assert_uint_eq(read_back("../key.pem", got, sizeof(got)), 8);
	ck_assert_uint_eq(read_back("a", got, sizeof(got)), 3);
}
END_TEST

SUITE(test_id_block)
{
	Suite *s = suite_create("id_block");
	TCase *tc = tcase_create("id_block");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, key_digests_are_those_of_the_vector);
	tcase_add_test(tc, the_block_is_that_of_the_vector);
	tcase_add_test(tc, id_auth_is_that_of_the_vector_byte_for_byte);
	tcase_add_test(tc, without_author_everything_of_it_is_zero);
	tcase_add_test(tc, short_numbers_keep_their_place);
	tcase_add_loop_test(tc, pkcs8_and_parameters_in_front_are_fine, 0, 2);
	tcase_add_loop_test(tc, other_keys_are_refused_with_a_sentence, 0, ARRAY_SIZE(refused));
	tcase_add_test(tc, a_missing_key_file_is_named);
	tcase_add_test(tc, a_public_key_of_another_key_is_found_out);
	tcase_add_test(tc, files_are_replaced_as_a_whole);
	tcase_add_test(tc, a_failure_leaves_the_old_files);
	tcase_add_test(tc, a_link_in_the_place_of_the_temporary_file_is_not_followed);
	suite_add_tcase(s, tc);
	return s;
}
