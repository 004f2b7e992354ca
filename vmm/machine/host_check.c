// SPDX-License-Identifier: MIT
#include "vmm/machine/host_check.h"

#include "mem/file.h"
#include "vmm/base/unix_listener.h"
#include "vmm/virtio/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct checker {
	const struct sys *sys;
	files_fault_fn *fault;
	void *ctx;
};

static void tell(const struct checker *c, const char *key, struct vmm_error *err)
{
	vmm_error_prefix(err, "%s", key);
	c->fault(c->ctx, err);
}

/* What the loader reads; whether that is any good, it says itself. */
static void check_loaded(const struct checker *c, const struct vm_file *f)
{
	struct vmm_error err;
	struct mem_file file;

	if (mem_file_open(&file, c->sys, f->path, &err) < 0)
		tell(c, f->key, &err);
	else
		mem_file_close(&file);
}

/* Could `path` be made in its folder? */
static int check_folder(const struct sys *sys, const char *what, const char *path,
			struct vmm_error *err)
{
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) : 0;
	char folder[4096];
	int ret;

	if ((size_t)len >= sizeof(folder))
		return vmm_error_errno(err, -ENAMETOOLONG, "unable to make %s %s", what, path);
	snprintf(folder, sizeof(folder), "%.*s", len, path);
	ret = sys->ops->access(sys->ctx, len ? folder : slash ? "/" : ".", W_OK | X_OK);
	if (ret == -ENOENT)
		return vmm_error_errno(err, ret, "unable to make %s %s: its folder is missing",
				       what, path);
	if (ret < 0)
		return vmm_error_errno(err, ret, "unable to make %s %s in its folder", what, path);
	return 0;
}

/* A file that text is appended to, and that is made if it is not there. */
static int check_appended(const struct sys *sys, const char *path, struct vmm_error *err)
{
	int fd = sys->ops->open(sys->ctx, path, O_PATH);
	struct sys_identity id;
	int ret;

	if (fd == -ENOENT)
		return check_folder(sys, "the file", path, err);
	if (fd < 0)
		return vmm_error_errno(err, fd, "unable to open %s", path);
	ret = sys->ops->identify(sys->ctx, fd, &id);
	sys_close(sys, &fd);
	if (ret == 0 && id.kind == SYS_FOLDER)
		ret = -EISDIR;
	if (ret == 0 && id.kind == SYS_SOCKET)
		return vmm_error_set(err, -ENXIO, "%s is a socket, which cannot be opened", path);
	if (ret == 0)
		ret = sys->ops->access(sys->ctx, path, W_OK);
	return ret < 0 ? vmm_error_errno(err, ret, "unable to open %s for writing", path) : 0;
}

static void check_file(const struct checker *c, const struct vm_file *f)
{
	struct vmm_error err;

	switch (f->use) {
	case FILE_LOADED:
		check_loaded(c, f);
		break;
	case FILE_APPENDED:
		if (check_appended(c->sys, f->path, &err) < 0)
			tell(c, f->key, &err);
		break;
	case FILE_SOURCE:
	case FILE_READ:
	case FILE_WRITTEN:
		break; /* the devices know more of them */
	}
}

/* A socket that minivmm listens on. */
static void check_listener(const struct checker *c, const char *key, const char *path)
{
	static const char what[] = "the socket";
	struct vmm_error err;
	int ret;

	if (!path)
		return;
	ret = unix_listen_check(what, path, &err);
	if (ret == 0)
		ret = check_folder(c->sys, what, path, &err);
	if (ret < 0)
		tell(c, key, &err);
}

static const char *socket_of(const struct endpoint *output)
{
	return endpoint_path(output, ENDPOINT_UNIX);
}

void host_check(const struct vmm_config *config, const struct cc_tech *tech, const struct sys *sys,
		files_fault_fn *fault, void *ctx)
{
	const struct checker c = {.sys = sys, .fault = fault, .ctx = ctx};
	struct vm_file file[FILES_MAX];
	size_t n = files_list(config, tech, file);
	struct vmm_error err;

	for (size_t i = 0; i < n; i++)
		if (file[i].key[0])
			check_file(&c, &file[i]);
	check_listener(&c, "serial.output", socket_of(&config->serial.output));
	check_listener(&c, "console.output", socket_of(&config->console.output));
	check_listener(&c, "vsock.path", config->vsock.path);
	virtio_check_host(config, sys, fault, ctx);
	if (files_check(config, tech, sys, fault, ctx, &err) < 0)
		fault(ctx, &err);
}
