// SPDX-License-Identifier: MIT
#include "vmm/config/faults.h"

#include "vmm/base/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t kept(const struct faults *faults)
{
	return faults->count < FAULTS_MAX ? faults->count : FAULTS_MAX;
}

static bool is_before(struct place a, struct place b)
{
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

void faults_add(struct faults *faults, struct place place, const char *fmt, ...)
{
	size_t at = kept(faults);
	char *text;
	va_list ap;
	int ret;

	if (at == FAULTS_MAX) {
		faults->count++;
		return;
	}
	va_start(ap, fmt);
	ret = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (ret < 0) {
		faults->no_memory = true;
		return;
	}
	for (; at > 0 && is_before(place, faults->list[at - 1].place); at--)
		faults->list[at] = faults->list[at - 1];
	faults->list[at] = (struct fault){.place = place, .text = text};
	faults->count++;
}

bool faults_has(const struct faults *faults, struct place place)
{
	for (size_t i = 0; i < kept(faults); i++)
		if (faults->list[i].place.line == place.line &&
		    faults->list[i].place.column == place.column)
			return true;
	return false;
}

static int report(const char *file, struct place place, const char *text, config_fault_fn *tell,
		  void *ctx, struct vmm_error *err)
{
	char *line, at[32] = "";

	if (place.line)
		snprintf(at, sizeof(at), ":%u:%u", place.line, place.column);
	if (asprintf(&line, "%s%s%s%s", file ? file : "", file ? at : "", file ? ": " : "", text) <
	    0)
		return vmm_error_errno(err, -ENOMEM, "unable to report a fault");
	text_make_printable(line); /* it quotes the file, which may hold anything */
	vmm_error_set(err, -EINVAL, "%s", line);
	if (tell)
		tell(ctx, line);
	free(line);
	return -EINVAL;
}

int faults_report(const struct faults *faults, const char *file, config_fault_fn *tell, void *ctx,
		  struct vmm_error *err)
{
	size_t n = kept(faults);
	char more[64];
	int ret = 0;

	if (faults->no_memory)
		return vmm_error_errno(err, -ENOMEM, "unable to read %s",
				       file ? file : "the configuration");
	for (size_t i = 0; i < n; i++) {
		/* err keeps the first */
		ret = report(file, faults->list[i].place, faults->list[i].text, tell, ctx,
			     i == 0 ? err : NULL);
		if (ret != -EINVAL)
			return ret;
	}
	if (faults->count == n)
		return ret;
	snprintf(more, sizeof(more), "%zu more faults are not shown", faults->count - n);
	return report(file, faults->list[n - 1].place, more, tell, ctx, NULL);
}

void faults_clear(struct faults *faults)
{
	for (size_t i = 0; i < kept(faults); i++)
		free(faults->list[i].text);
	memset(faults, 0, sizeof(*faults));
}
