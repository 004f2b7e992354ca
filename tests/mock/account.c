// SPDX-License-Identifier: MIT
/* What the code under test has open, mapped and running. */
#include "tests/mock/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct model_fd *model_find_fd(struct model *m, int fd)
{
	for (size_t i = 0; i < m->nfds; i++)
		if (m->fd[i].fd == fd)
			return &m->fd[i];
	return NULL;
}

struct model_fd *model_add_fd(struct model *m, int fd, enum model_kind kind, void *object,
			      const char *fmt, ...)
{
	struct model_fd *f;
	va_list ap;

	m->fd = model_grow(m->fd, m->nfds, sizeof(*m->fd));
	f = &m->fd[m->nfds++];
	*f = (struct model_fd){.fd = fd, .kind = kind, .object = object, .call = m->call};
	va_start(ap, fmt);
	vsnprintf(f->name, sizeof(f->name), fmt, ap);
	va_end(ap);
	return f;
}

int model_object_fd(struct model *m, enum model_kind kind, void *object, uint64_t size,
		    const char *name)
{
	/* guest_memfd comes without close-on-exec: virt/kvm/guest_memfd.c */
	int fd = memfd_create(name, kind == MODEL_GMEM ? 0 : MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		model_foul("no descriptor for %s", name);
	model_add_fd(m, fd, kind, object, "%s", name);
	return fd;
}

void model_remove_fd(struct model *m, struct model_fd *f)
{
	if (f->kind == MODEL_VCPU)
		model_vcpu_closed(f->object);
	if (f->kind == MODEL_GMEM)
		model_gmem_closed(f->object);
	if (f->kind == MODEL_TAP || f->kind == MODEL_VHOST)
		free(f->object);
	*f = m->fd[m->nfds - 1];
	m->fd[m->nfds - 1] = (struct model_fd){.fd = -1};
	m->nfds--;
}

struct model_map *model_find_map(struct model *m, const void *addr)
{
	for (size_t i = 0; i < m->nmaps; i++)
		if (m->map[i].addr == addr)
			return &m->map[i];
	return NULL;
}

void model_add_map(struct model *m, void *addr, size_t len, uint64_t huge_pages, const char *name)
{
	struct model_map *map;

	m->map = model_grow(m->map, m->nmaps, sizeof(*m->map));
	map = &m->map[m->nmaps++];
	*map = (struct model_map){
		.addr = addr, .len = len, .huge_pages = huge_pages, .call = m->call};
	snprintf(map->name, sizeof(map->name), "%s", name);
	m->huge_pages -= huge_pages;
}

void model_remove_map(struct model *m, struct model_map *map)
{
	m->huge_pages += map->huge_pages;
	*map = m->map[--m->nmaps];
}

void model_add_thread(struct model *m, pthread_t thread)
{
	m->thread = model_grow(m->thread, m->nthreads, sizeof(*m->thread));
	m->thread[m->nthreads++] = (struct model_thread){.thread = thread, .call = m->call};
}

void model_remove_thread(struct model *m, pthread_t thread)
{
	for (size_t i = 0; i < m->nthreads; i++) {
		if (pthread_equal(m->thread[i].thread, thread)) {
			m->thread[i] = m->thread[--m->nthreads];
			return;
		}
	}
	model_foul("thread_join of a thread that was not started here, or was joined before");
}

/* Appends a line; text that is full stays as it is. */
static void line(char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void line(char *text, size_t size, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, size - used, fmt, ap);
	va_end(ap);
}

size_t model_leaks(struct model *m, char *text, size_t size)
{
	size_t n;

	text[0] = '\0';
	model_lock(m);
	for (size_t i = 0; i < m->nfds; i++)
		line(text, size, "descriptor %d (%s) of call %lu is still open\n", m->fd[i].fd,
		     m->fd[i].name, m->fd[i].call);
	for (size_t i = 0; i < m->nmaps; i++)
		line(text, size, "%zu bytes (%s) of call %lu are still mapped\n", m->map[i].len,
		     m->map[i].name, m->map[i].call);
	for (size_t i = 0; i < m->nthreads; i++)
		line(text, size, "the thread of call %lu was not joined\n", m->thread[i].call);
	n = m->nfds + m->nmaps + m->nthreads;
	model_unlock(m);
	return n;
}

void model_check_clean(struct model *m)
{
	char text[2048];
	size_t n = model_leaks(m, text, sizeof(text));

	if (n > 0)
		model_foul("%zu leaks:\n%s", n, text);
}
