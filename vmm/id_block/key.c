// SPDX-License-Identifier: MIT
/* Private keys: GnuTLS reads them and makes and checks the signatures. */
#include "vmm/id_block/id_block.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX 65536

struct id_key {
	gnutls_privkey_t private;
	gnutls_pubkey_t public;
	struct p384_pair point;
};

/* The whole file as a string. A key is not left behind in memory that was freed: the caller wipes
 * it with wipe(). */
static int read_text(const char *path, gnutls_datum_t *text, struct vmm_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	int ret = 0;

	*text = (gnutls_datum_t){.data = calloc(1, KEY_FILE_MAX + 1)};
	if (fd < 0)
		ret = vmm_error_errno(err, -errno, "unable to open the key file %s", path);
	else if (!text->data)
		ret = vmm_error_errno(err, -ENOMEM, "unable to read the key file %s", path);
	while (ret == 0 && n > 0 && text->size <= KEY_FILE_MAX) {
		n = read(fd, text->data + text->size, KEY_FILE_MAX + 1 - text->size);
		if (n > 0)
			text->size += (unsigned int)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			ret = vmm_error_errno(err, -errno, "unable to read the key file %s", path);
	}
	if (ret == 0 && text->size > KEY_FILE_MAX)
		ret = vmm_error_set(err, -EINVAL, "%s is too large for a key file", path);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void wipe(gnutls_datum_t *text)
{
	if (text->data)
		explicit_bzero(text->data, KEY_FILE_MAX + 1);
	free(text->data);
	text->data = NULL;
}

static bool has(const gnutls_datum_t *text, const char *word)
{
	return memmem(text->data, text->size, word, strlen(word)) != NULL;
}

/* What a file is that GnuTLS does not take for an open private key. */
static int refuse(const gnutls_datum_t *text, const char *path, int code, struct vmm_error *err)
{
	if (has(text, "ENCRYPTED"))
		return vmm_error_set(err, -EINVAL,
				     "the key in %s is encrypted: decrypt it first, for instance "
				     "with 'openssl pkey -in %s'",
				     path, path);
	if (!has(text, "PRIVATE KEY-----") && has(text, "PUBLIC KEY-----"))
		return vmm_error_set(err, -EINVAL,
				     "%s has a public key only: signing takes the private key",
				     path);
	if (!has(text, "PRIVATE KEY-----"))
		return vmm_error_set(err, -EINVAL, "%s has no private key in PEM", path);
	return vmm_error_set(err, -EINVAL, "the private key in %s cannot be used: %s", path,
			     gnutls_strerror(code));
}

static int import(struct id_key *key, const gnutls_datum_t *text, const char *path,
		  struct vmm_error *err)
{
	int ret;

	if (has(text, "ENCRYPTED"))
		return refuse(text, path, 0, err);
	ret = gnutls_privkey_init(&key->private);
	if (ret == 0)
		ret = gnutls_pubkey_init(&key->public);
	if (ret == 0)
		ret = gnutls_privkey_import_x509_raw(key->private, text, GNUTLS_X509_FMT_PEM, NULL,
						     0);
	if (ret < 0)
		return refuse(text, path, ret, err);
	if (gnutls_privkey_get_pk_algorithm(key->private, NULL) != GNUTLS_PK_ECDSA)
		return vmm_error_set(
			err, -EINVAL,
			"the key in %s is %s: the firmware takes EC keys on curve "
			"P-384 only",
			path,
			gnutls_pk_get_name((gnutls_pk_algorithm_t)gnutls_privkey_get_pk_algorithm(
				key->private, NULL)));
	ret = gnutls_pubkey_import_privkey(key->public, key->private, 0, 0);
	return ret < 0 ? refuse(text, path, ret, err) : 0;
}

/* Numbers come without leading zeros, or with one more than they have digits. */
static bool to_fixed(const gnutls_datum_t *number, uint8_t out[P384_BYTES])
{
	const unsigned char *p = number->data;
	unsigned int len = number->size;

	for (; len > P384_BYTES && *p == 0; len--)
		p++;
	if (len > P384_BYTES)
		return false;
	memset(out, 0, P384_BYTES);
	if (len > 0)
		memcpy(out + P384_BYTES - len, p, len);
	return true;
}

static int get_point(struct id_key *key, const char *path, struct vmm_error *err)
{
	gnutls_datum_t x = {0}, y = {0};
	gnutls_ecc_curve_t curve;
	int ret = gnutls_pubkey_export_ecc_raw(key->public, &curve, &x, &y);

	if (ret < 0)
		return vmm_error_set(err, -EINVAL, "the key in %s cannot be used: %s", path,
				     gnutls_strerror(ret));
	if (curve != GNUTLS_ECC_CURVE_SECP384R1)
		ret = vmm_error_set(err, -EINVAL,
				    "the key in %s is on curve %s: the firmware takes P-384 only",
				    path, gnutls_ecc_curve_get_name(curve));
	else if (!to_fixed(&x, key->point.x) || !to_fixed(&y, key->point.y))
		ret = vmm_error_set(err, -EINVAL, "the key in %s is no point of its curve", path);
	gnutls_free(x.data);
	gnutls_free(y.data);
	return ret;
}

int id_key_read(struct id_key **out, const char *path, struct vmm_error *err)
{
	struct id_key *key = calloc(1, sizeof(*key));
	gnutls_datum_t text = {0};
	int ret;

	*out = NULL;
	if (!key)
		return vmm_error_errno(err, -ENOMEM, "unable to read the key file %s", path);
	ret = read_text(path, &text, err);
	if (ret == 0)
		ret = import(key, &text, path, err);
	if (ret == 0)
		ret = get_point(key, path, err);
	wipe(&text);
	if (ret < 0) {
		id_key_free(key);
		return ret;
	}
	*out = key;
	return 0;
}

void id_key_free(struct id_key *key)
{
	if (!key)
		return;
	if (key->public)
		gnutls_pubkey_deinit(key->public);
	if (key->private)
		gnutls_privkey_deinit(key->private);
	free(key);
}

const struct p384_pair *id_key_public(const struct id_key *key)
{
	return &key->point;
}

int id_key_sign(const struct id_key *key, const void *data, size_t len, struct p384_pair *signature,
		struct vmm_error *err)
{
	gnutls_datum_t der = {0}, r = {0}, s = {0};
	const gnutls_datum_t message = {.data = (void *)(uintptr_t)data, .size = (unsigned int)len};
	int ret;

	ret = gnutls_privkey_sign_data2(key->private, GNUTLS_SIGN_ECDSA_SHA384,
					GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE, &message, &der);
	if (ret == 0)
		ret = gnutls_decode_rs_value(&der, &r, &s);
	if (ret < 0)
		ret = vmm_error_set(err, -EIO, "unable to sign: %s", gnutls_strerror(ret));
	else if (!to_fixed(&r, signature->x) || !to_fixed(&s, signature->y))
		ret = vmm_error_set(err, -EIO, "unable to sign: the signature is too long");
	/* the public key stands in the file as well, and nobody has checked that it is the right
	 * one */
	else if (gnutls_pubkey_verify_data2(key->public, GNUTLS_SIGN_ECDSA_SHA384, 0, &message,
					    &der) < 0)
		ret = vmm_error_set(err, -EINVAL,
				    "the key file's public key does not belong to its private key");
	gnutls_free(der.data);
	gnutls_free(r.data);
	gnutls_free(s.data);
	return ret;
}
