// SPDX-License-Identifier: MIT
#include "vmm/machine/files.h"

#include "vmm/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- which there are -------------------------------------------------------------------------- */

struct list {
	struct vm_file *file;
	size_t n;
};

static void add(struct list *list, const char *path, enum file_use use, const char *key, ...)
	__attribute__((format(printf, 4, 5)));

/* Nothing if there is no path. */
static void add(struct list *list, const char *path, enum file_use use, const char *key, ...)
{
	struct vm_file *file = &list->file[list->n];
	va_list ap;

	if (!path || list->n == FILES_MAX)
		return;
	file->path = path;
	file->use = use;
	va_start(ap, key);
	vsnprintf(file->key, sizeof(file->key), key, ap);
	va_end(ap);
	list->n++;
}

static const char *file_of(const struct endpoint *output)
{
	return endpoint_path(output, ENDPOINT_FILE);
}

size_t files_list(const struct vmm_config *config, const struct cc_tech *tech,
		  struct vm_file file[FILES_MAX])
{
	struct list list = {.file = file};
	const char *path;

	add(&list, config_file_name(config), FILE_LOADED, "%s", "");
	add(&list, config->boot.kernel, FILE_LOADED, "boot.kernel");
	add(&list, config->boot.initrd, FILE_LOADED, "boot.initrd");
	add(&list, config->boot.firmware, FILE_LOADED, "boot.firmware");
	add(&list, config->boot.igvm, FILE_LOADED, "boot.igvm");
	for (const struct cc_file *f = tech->files; f && f->key; f++) {
		memcpy(&path, (const char *)&config->cc + f->path, sizeof(path));
		add(&list, path, FILE_LOADED, "%s", f->key);
	}
	for (size_t i = 0; i < config->ndisks; i++)
		add(&list, config->disk[i].path,
		    config->disk[i].readonly ? FILE_READ : FILE_WRITTEN, "disk[%zu].path", i);
	if (config->rng.present)
		add(&list, config->rng.source, FILE_SOURCE, "rng.source");
	add(&list, file_of(&config->serial.output), FILE_APPENDED, "serial.output");
	add(&list, file_of(&config->console.output), FILE_APPENDED, "console.output");
	add(&list, config->log.file, FILE_APPENDED, "log.file");
	return list.n;
}

/* --- are they apart? -------------------------------------------------------------------------- */

/* Which file a path leads to. *known: false for one that is not there. */
static int identify(const struct sys *sys, const char *path, struct sys_identity *id, bool *known,
		    struct vmm_error *err)
{
	int fd = sys->ops->open(sys->ctx, path, O_PATH);
	int ret;

	*known = false;
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES || fd == -ELOOP || fd == -ENAMETOOLONG)
		return 0;
	if (fd < 0)
		return vmm_error_errno(err, fd, "unable to look at %s", path);
	ret = sys->ops->identify(sys->ctx, fd, id);
	sys_close(sys, &fd);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to look at %s", path);
	/* many may write to a terminal or to /dev/null at once */
	*known = id->kind == SYS_REGULAR || id->kind == SYS_BLOCK;
	return 0;
}

static bool writes(const struct vm_file *file)
{
	return file->use == FILE_WRITTEN || file->use == FILE_APPENDED;
}

/* May both be the same file? Lines that are appended do not overwrite each other. */
static bool compatible(const struct vm_file *a, const struct vm_file *b)
{
	if (!writes(a) && !writes(b))
		return true;
	return a->use == FILE_APPENDED && b->use == FILE_APPENDED;
}

/* "disk[0] of this VM": the two keys name the same file. */
static void report(const struct vm_file *a, const struct vm_file *b, files_fault_fn *fault,
		   void *ctx)
{
	bool append = a->use == FILE_APPENDED || b->use == FILE_APPENDED;
	/* the one that does the damage; of two disks the later one */
	const struct vm_file *culprit = writes(b) && b->use >= a->use ? b : a;
	const struct vm_file *other = culprit == a ? b : a;
	int key = (int)strcspn(other->key, ".");
	struct vmm_error err;

	if (culprit->use == FILE_WRITTEN && other->use != FILE_WRITTEN && other->use != FILE_READ)
		vmm_error_set(&err, -EINVAL,
			      "%s: %s is %s of this VM as well: readonly = true if the guest is "
			      "not to write to it",
			      culprit->key, culprit->path,
			      other->key[0] ? other->key : "the configuration");
	else if (!append)
		vmm_error_set(&err, -EINVAL,
			      "%s: %s is %.*s of this VM as well, and one of them is writable",
			      culprit->key, culprit->path, key, other->key);
	else
		vmm_error_set(&err, -EINVAL,
			      "%s: %s is %s of this VM as well, and text would be appended to it",
			      culprit->key, culprit->path,
			      other->key[0] ? other->key : "the configuration");
	fault(ctx, &err);
}

int files_check(const struct vmm_config *config, const struct cc_tech *tech, const struct sys *sys,
		files_fault_fn *fault, void *ctx, struct vmm_error *err)
{
	struct sys_identity id[FILES_MAX];
	struct vm_file file[FILES_MAX];
	size_t n = files_list(config, tech, file);
	bool known[FILES_MAX], any = false;
	int ret;

	for (size_t i = 0; i < n; i++)
		any |= writes(&file[i]);
	if (!any)
		return 0;
	for (size_t i = 0; i < n; i++) {
		ret = identify(sys, file[i].path, &id[i], &known[i], err);
		if (ret < 0) {
			vmm_error_prefix(err, "%s", file[i].key);
			return ret;
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (!known[i] || !known[j] || memcmp(&id[i], &id[j], sizeof(id[i])) != 0 ||
			    compatible(&file[i], &file[j]))
				continue;
			report(&file[j], &file[i], fault, ctx);
			break;
		}
	}
	return 0;
}

static void keep_first(void *ctx, const struct vmm_error *fault)
{
	struct vmm_error *first = ctx;

	if (!first->code)
		*first = *fault;
}

int files_check_first(const struct vmm_config *config, const struct cc_tech *tech,
		      const struct sys *sys, struct vmm_error *err)
{
	struct vmm_error first = {0};
	int ret = files_check(config, tech, sys, keep_first, &first, err);

	if (ret < 0)
		return ret;
	if (first.code && err)
		*err = first;
	return first.code;
}
