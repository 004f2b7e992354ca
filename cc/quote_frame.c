// SPDX-License-Identifier: MIT
#include "cc/quote_frame.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>

enum {
	AT_MAJOR = 0,
	AT_MINOR = 2,
	AT_TYPE = 4,
	AT_SIZE = 8, /* of the message, with this header */
	AT_ERROR = 12,
	/* request: sizes of report and of id list; response: of the selected id and of the quote */
	AT_FIRST_SIZE = 16,
	AT_SECOND_SIZE = 20,
};

#define MAJOR	      1
#define MINOR	      1
#define TYPE_REQUEST  0
#define TYPE_RESPONSE 1

void quote_request_encode(const uint8_t *report, uint32_t report_len, uint8_t *out)
{
	uint32_t size = QUOTE_MESSAGE_FIXED + report_len;
	uint8_t *message = out + QUOTE_LENGTH_SIZE;

	for (unsigned int i = 0; i < QUOTE_LENGTH_SIZE; i++)
		out[i] = (uint8_t)(size >> 8 * (QUOTE_LENGTH_SIZE - 1 - i));
	memset(message, 0, QUOTE_MESSAGE_FIXED);
	put_le16(message + AT_MAJOR, MAJOR);
	put_le16(message + AT_MINOR, MINOR);
	put_le32(message + AT_TYPE, TYPE_REQUEST);
	put_le32(message + AT_SIZE, size);
	put_le32(message + AT_FIRST_SIZE, report_len);
	memcpy(message + QUOTE_MESSAGE_FIXED, report, report_len);
}

uint32_t quote_length_decode(const uint8_t bytes[QUOTE_LENGTH_SIZE])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

int quote_response_decode(const uint8_t *message, size_t len, const uint8_t **quote,
			  uint32_t *quote_len, struct vmm_error *err)
{
	uint32_t id_len, rest;

	if (len < QUOTE_MESSAGE_FIXED)
		return vmm_error_set(err, -EPROTO, "a message of %zu bytes is no answer", len);
	if (get_le16(message + AT_MAJOR) != MAJOR || get_le16(message + AT_MINOR) != MINOR)
		return vmm_error_set(err, -EPROTO, "an answer of version %u.%u instead of 1.1",
				     get_le16(message + AT_MAJOR), get_le16(message + AT_MINOR));
	if (get_le32(message + AT_TYPE) != TYPE_RESPONSE)
		return vmm_error_set(err, -EPROTO, "a message of type %u is no quote",
				     get_le32(message + AT_TYPE));
	if (get_le32(message + AT_SIZE) != len)
		return vmm_error_set(err, -EPROTO, "an answer of %zu bytes says that it has %u",
				     len, get_le32(message + AT_SIZE));
	if (get_le32(message + AT_ERROR) != 0)
		return vmm_error_set(err, -EPROTO, "it answered with error %#x",
				     get_le32(message + AT_ERROR));
	id_len = get_le32(message + AT_FIRST_SIZE);
	*quote_len = get_le32(message + AT_SECOND_SIZE);
	rest = (uint32_t)(len - QUOTE_MESSAGE_FIXED);
	if (id_len != 0 || *quote_len != rest || rest == 0)
		return vmm_error_set(err, -EPROTO,
				     "an answer of %zu bytes with an id of %u and a quote of %u",
				     len, id_len, *quote_len);
	*quote = message + QUOTE_MESSAGE_FIXED;
	return 0;
}
