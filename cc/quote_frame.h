/* SPDX-License-Identifier: MIT */
/*
 * Messages between a VMM and the quote generation service: a TDX report goes out, a quote comes
 * back (Intel SGX DCAP, QuoteGeneration/quote_wrapper/qgs_msg_lib). Before each message stands its
 * length, big-endian; everything in it is little-endian.
 */
#ifndef CC_QUOTE_FRAME_H
#define CC_QUOTE_FRAME_H

#include "vmm/base/error.h"

#include <stddef.h>
#include <stdint.h>

#define QUOTE_LENGTH_SIZE   4  /* of the length before a message */
#define QUOTE_MESSAGE_FIXED 24 /* bytes of a message without its report or quote */

/* Length and message that ask for a quote of this report. */
static inline size_t quote_request_size(uint32_t report_len)
{
	return (size_t)QUOTE_LENGTH_SIZE + QUOTE_MESSAGE_FIXED + report_len;
}

/* `out` has room for quote_request_size() bytes. */
void quote_request_encode(const uint8_t *report, uint32_t report_len, uint8_t *out);

/* The length that stands before a message. */
uint32_t quote_length_decode(const uint8_t bytes[QUOTE_LENGTH_SIZE]);

/* Finds the quote in a message of `len` bytes, the length before it not counted. -EPROTO and what
 * is wrong with it if it is not a whole and good answer. */
int quote_response_decode(const uint8_t *message, size_t len, const uint8_t **quote,
			  uint32_t *quote_len, struct vmm_error *err);

#endif
