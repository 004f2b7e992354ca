// SPDX-License-Identifier: MIT
/* Gathering faults, and reporting them as FILE:LINE:COL: message in the order of the file. */
#include "vmm/base/text.h"
#include "vmm/config/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void config_fault_add(struct config_faults *faults, struct toml_pos pos, const char *fmt, ...)
{
	struct config_fault *fault;
	va_list ap;
	int ret;

	if (faults->count++ >= CONFIG_MAX_FAULTS)
		return;
	fault = &faults->list[faults->count - 1];
	fault->pos = pos;
	fault->order = faults->count;
	va_start(ap, fmt);
	ret = vasprintf(&fault->text, fmt, ap);
	va_end(ap);
	if (ret < 0) {
		fault->text = NULL;
		faults->no_memory = true;
	}
}

static int compare(const void *left, const void *right)
{
	const struct config_fault *a = left, *b = right;

	if (a->pos.line != b->pos.line)
		return a->pos.line < b->pos.line ? -1 : 1;
	if (a->pos.column != b->pos.column)
		return a->pos.column < b->pos.column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static int report(const char *file, struct toml_pos pos, const char *text, config_fault_fn *fault,
		  void *ctx, struct vmm_error *err)
{
	char *line;
	int len;

	if (!file)
		len = asprintf(&line, "%s", text);
	else if (!pos.line)
		len = asprintf(&line, "%s: %s", file, text);
	else
		len = asprintf(&line, "%s:%u:%u: %s", file, pos.line, pos.column, text);
	if (len < 0)
		return vmm_error_errno(err, -ENOMEM, "unable to report a fault");
	text_make_printable(line); /* it quotes the file, which may hold anything */
	vmm_error_set(err, -EINVAL, "%s", line);
	if (fault)
		fault(ctx, line);
	free(line);
	return -EINVAL;
}

static int report_all(struct config_faults *faults, const char *file, config_fault_fn *fault,
		      void *ctx, struct vmm_error *err)
{
	size_t kept = faults->count < CONFIG_MAX_FAULTS ? faults->count : CONFIG_MAX_FAULTS;
	char more[64];
	int ret;

	qsort(faults->list, kept, sizeof(faults->list[0]), compare);
	for (size_t i = 0; i < kept; i++) {
		const struct config_fault *f = &faults->list[i];

		/* err keeps the first */
		ret = report(file, f->pos, f->text, fault, ctx, i == 0 ? err : NULL);
		if (ret != -EINVAL)
			return ret;
	}
	if (faults->count == kept)
		return -EINVAL;
	snprintf(more, sizeof(more), "%zu more faults are not shown", faults->count - kept);
	return report(file, faults->list[kept - 1].pos, more, fault, ctx, NULL);
}

int config_fault_report(struct config_faults *faults, const char *file, config_fault_fn *fault,
			void *ctx, struct vmm_error *err)
{
	int ret = 0;

	if (faults->no_memory)
		ret = vmm_error_errno(err, -ENOMEM, "unable to read %s",
				      file ? file : "the configuration");
	else if (faults->count)
		ret = report_all(faults, file, fault, ctx, err);
	for (size_t i = 0; i < CONFIG_MAX_FAULTS; i++)
		free(faults->list[i].text);
	*faults = (struct config_faults){0};
	return ret;
}
