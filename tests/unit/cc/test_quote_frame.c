// SPDX-License-Identifier: MIT
/* Messages of the quote generation service: known bytes, and every way in which an answer is bad.
 */
#include "cc/quote.h"
#include "cc/quote_frame.h"
#include "tests/unit/suite.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE_LEN 40
#define ANSWER	  (QUOTE_MESSAGE_FIXED + QUOTE_LEN)

static uint8_t answer[ANSWER];
static const uint8_t *quote;
static uint32_t quote_len;
static struct vmm_error err;

static void setup(void)
{
	memset(answer, 0, sizeof(answer));
	put_le16(answer, 1);
	put_le16(answer + 2, 1);
	put_le32(answer + 4, 1);
	put_le32(answer + 8, ANSWER);
	put_le32(answer + 20, QUOTE_LEN);
	memset(answer + QUOTE_MESSAGE_FIXED, 'q', QUOTE_LEN);
	memset(&err, 0, sizeof(err));
}

static int decode(size_t len)
{
	/* a heap block of that size: the sanitizer sees a read behind it */
	uint8_t *copy = malloc(len ? len : 1);
	int ret;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, answer, len);
	ret = quote_response_decode(copy, len, &quote, &quote_len, &err);
	free(copy);
	return ret;
}

START_TEST(the_request_for_a_report_is_as_documented)
{
	static const uint8_t start[] = {
		0, 0, 4, 0x18, 1, 0, 1, 0, 0, 0, 0, 0, 0x18, 4,
		0, 0, 0, 0,    0, 0, 0, 4, 0, 0, 0, 0, 0,    0,
	};
	uint8_t report[1024], frame[1052];

	memset(report, 0xab, sizeof(report));
	ck_assert_uint_eq(quote_request_size(sizeof(report)), sizeof(frame));
	quote_request_encode(report, sizeof(report), frame);
	ck_assert_mem_eq(frame, start, sizeof(start));
	ck_assert_mem_eq(frame + sizeof(start), report, sizeof(report));
	ck_assert_uint_eq(quote_length_decode(frame), 1048);
}
END_TEST

START_TEST(a_good_answer_is_taken)
{
	ck_assert_int_eq(quote_response_decode(answer, ANSWER, &quote, &quote_len, &err), 0);
	ck_assert_ptr_eq(quote, answer + QUOTE_MESSAGE_FIXED);
	ck_assert_uint_eq(quote_len, QUOTE_LEN);
}
END_TEST

static const struct {
	size_t at;
	uint32_t value;
	const char *says;
} bad[] = {
	{0, 2 | 1 << 16, "version 2.1"},
	{0, 1, "version 1.0"},
	{0, 1 | 2 << 16, "version 1.2"},
	{4, 0, "type 0"},
	{4, 2, "type 2"},
	{4, 0x101, "type 257"},
	{8, ANSWER - 1, "says that it has"},
	{8, ANSWER + 1, "says that it has"},
	{8, 0, "says that it has"},
	{12, 0x12003, "error 0x12003"},
	{12, 1U << 31, "error 0x80000000"},
	{16, 1, "id of 1"},
	{16, 0xffffffff, "id of 4294967295"},
	{20, QUOTE_LEN - 1, "quote of 39"},
	{20, QUOTE_LEN + 1, "quote of 41"},
	{20, 0, "quote of 0"},
	{20, 0xffffffff, "quote of 4294967295"},
};

START_TEST(a_bad_answer_is_refused)
{
	put_le32(answer + bad[_i].at, bad[_i].value);
	ck_assert_int_eq(decode(ANSWER), -EPROTO);
	ck_assert_msg(strstr(err.text, bad[_i].says) != NULL, "%s", err.text);
}
END_TEST

START_TEST(an_answer_cut_anywhere_is_refused)
{
	for (size_t len = 0; len < ANSWER; len++)
		ck_assert_int_eq(decode(len), -EPROTO);
	/* even if its sizes agree */
	for (size_t len = 0; len < QUOTE_MESSAGE_FIXED; len++) {
		put_le32(answer + 8, (uint32_t)len);
		ck_assert_int_eq(decode(len), -EPROTO);
	}
}
END_TEST

START_TEST(an_empty_quote_is_none)
{
	put_le32(answer + 8, QUOTE_MESSAGE_FIXED);
	put_le32(answer + 20, 0);
	ck_assert_int_eq(decode(QUOTE_MESSAGE_FIXED), -EPROTO);
}
END_TEST

/* --- the address of the service --- */

START_TEST(addresses_are_understood)
{
	char path[] = "/run/qgs.socket";
	struct quote_address a;

	quote_address_set(&a, &(struct endpoint){ENDPOINT_VSOCK, NULL, 0xffffffff, 4050});
	ck_assert_int_eq(a.u.any.sa_family, AF_VSOCK);
	ck_assert_uint_eq(a.u.vsock.svm_cid, 0xffffffff);
	ck_assert_uint_eq(a.u.vsock.svm_port, 4050);
	ck_assert_uint_eq(a.len, sizeof(a.u.vsock));
	quote_address_set(&a, &(struct endpoint){ENDPOINT_UNIX, path, 0, 0});
	ck_assert_int_eq(a.u.any.sa_family, AF_UNIX);
	ck_assert_str_eq(a.u.unix_path.sun_path, "/run/qgs.socket");
}
END_TEST

SUITE(test_quote_frame)
{
	Suite *s = suite_create("quote_frame");
	TCase *tc = tcase_create("frames");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, the_request_for_a_report_is_as_documented);
	tcase_add_test(tc, a_good_answer_is_taken);
	tcase_add_loop_test(tc, a_bad_answer_is_refused, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tc, an_answer_cut_anywhere_is_refused);
	tcase_add_test(tc, an_empty_quote_is_none);
	tcase_add_test(tc, addresses_are_understood);
	suite_add_tcase(s, tc);
	return s;
}
