// SPDX-License-Identifier: MIT
#include "tests/mock/model_gmem_state.h"

#include "vmm/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void model_foul(const char *fmt, ...)
{
	va_list ap;

	fputs("model of KVM: foul: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void *model_grow(void *array, size_t n, size_t element)
{
	/* room is added in powers of two, so it is full whenever n is one */
	if (n != 0 && (n & (n - 1)) != 0)
		return array;
	array = reallocarray(array, n ? 2 * n : 1, element);
	if (!array)
		model_foul("out of memory");
	return array;
}

struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		model_foul("out of memory");
	m->sys = (struct sys){.ops = &model_ops, .ctx = m};
	m->patience = 20;
	m->gmem_dialect = MODEL_GMEM_6_18;
	pthread_mutex_init(&m->lock, NULL);
	model_default_caps(m);
	return m;
}

void model_free(struct model *m)
{
	for (size_t i = 0; i < m->nmaps; i++)
		munmap(m->map[i].addr, m->map[i].len);
	while (m->nfds > 0) {
		int fd = m->fd[0].fd;

		model_remove_fd(m, &m->fd[0]);
		close(fd);
	}
	for (size_t i = 0; i < m->nvms; i++)
		model_vm_free(m->vm[i]);
	for (size_t i = 0; i < m->ngmems; i++)
		model_gmem_free(m->gmem[i]);
	if (m->nothing_fd)
		close(m->nothing_fd);
	for (size_t i = 0; i < m->nscripts; i++)
		free(m->script[i].step);
	free(m->vm);
	free(m->gmem);
	free(m->script);
	free(m->fd);
	free(m->map);
	free(m->thread);
	free(m->call_name);
	free(m->count);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

const struct sys *model_sys(struct model *m)
{
	return &m->sys;
}

void model_lock(struct model *m)
{
	pthread_mutex_lock(&m->lock);
}

void model_unlock(struct model *m)
{
	pthread_mutex_unlock(&m->lock);
}

/* --- counting and failing --- */

static bool answered(struct model *m, const char *name, int *ret)
{
	if (m->ncalls == m->fail_at) {
		*ret = -m->fail_code;
		return true;
	}
	for (size_t i = 0; i < m->nanswers; i++) {
		if (strcmp(m->answer[i].call, name) != 0)
			continue;
		*ret = m->answer[i].ret;
		if (m->answer[i].nth == 0)
			return true;
		/* one that is over counts calls of no name */
		if (--m->answer[i].nth == 0) {
			m->answer[i].call = "";
			return true;
		}
	}
	return false;
}

static void count_call(struct model *m, const char *name)
{
	size_t i = 0;

	while (i < m->ncounts && m->count[i].name != name)
		i++;
	if (i == m->ncounts) {
		m->count = model_grow(m->count, i, sizeof(*m->count));
		m->count[m->ncounts++] = (struct model_count){.name = name};
	}
	m->count[i].n++;
}

unsigned long model_begin(struct model *m, const char *name, int *ret)
{
	unsigned long call;

	model_lock(m);
	m->call_name = model_grow(m->call_name, m->ncalls, sizeof(*m->call_name));
	m->call_name[m->ncalls++] = name;
	count_call(m, name);
	call = answered(m, name, ret) ? 0 : m->ncalls;
	model_unlock(m);
	return call;
}

static void add_answer(struct model *m, const char *call, int ret, unsigned long nth)
{
	model_lock(m);
	if (m->nanswers == ARRAY_SIZE(m->answer))
		model_foul("too many answers");
	m->answer[m->nanswers].call = call;
	m->answer[m->nanswers].nth = nth;
	m->answer[m->nanswers++].ret = ret;
	model_unlock(m);
}

void model_answer(struct model *m, const char *call, int ret)
{
	add_answer(m, call, ret, 0);
}

void model_fail_nth_of(struct model *m, const char *call, unsigned long n, int code)
{
	add_answer(m, call, -code, n);
}

void model_fail_at(struct model *m, unsigned long n, int code)
{
	model_lock(m);
	m->fail_at = n;
	m->fail_code = code;
	model_unlock(m);
}

unsigned long model_calls(struct model *m)
{
	unsigned long n;

	model_lock(m);
	n = m->ncalls;
	model_unlock(m);
	return n;
}

const char *model_call_name(struct model *m, unsigned long n)
{
	const char *name = "?";

	model_lock(m);
	if (n >= 1 && n <= m->ncalls)
		name = m->call_name[n - 1];
	model_unlock(m);
	return name;
}

unsigned long model_count(struct model *m, const char *call)
{
	unsigned long n = 0;

	model_lock(m);
	for (size_t i = 0; i < m->ncounts; i++)
		if (strcmp(m->count[i].name, call) == 0)
			n += m->count[i].n;
	model_unlock(m);
	return n;
}

/* --- settings --- */

void model_set_pagetable_based(struct model *m)
{
	m->pagetable_based = true;
}

void model_set_huge_pages(struct model *m, uint64_t npages)
{
	model_lock(m);
	m->huge_pages = npages;
	model_unlock(m);
}

void model_refuse_msr(struct model *m, uint32_t index)
{
	model_lock(m);
	if (m->nrefused_msrs == ARRAY_SIZE(m->refused_msr))
		model_foul("too many refused MSRs");
	m->refused_msr[m->nrefused_msrs++] = index;
	model_unlock(m);
}

void model_set_patience(struct model *m, unsigned int seconds)
{
	model_lock(m);
	m->patience = seconds;
	model_unlock(m);
}

void model_script(struct model *m, unsigned int vm, uint32_t vcpu, const struct model_step *steps,
		  size_t nsteps)
{
	struct model_script *s;

	model_lock(m);
	m->script = model_grow(m->script, m->nscripts, sizeof(*m->script));
	s = &m->script[m->nscripts++];
	*s = (struct model_script){.vm = vm, .vcpu = vcpu, .nsteps = nsteps};
	s->step = calloc(nsteps ? nsteps : 1, sizeof(*steps));
	if (!s->step)
		model_foul("out of memory");
	memcpy(s->step, steps, nsteps * sizeof(*steps));
	model_unlock(m);
}

/* --- looking at objects --- */

const struct model_vm *model_vm(struct model *m, unsigned int vm)
{
	const struct model_vm *found;

	model_lock(m);
	if (vm >= m->nvms)
		model_foul("the test asks for VM %u of %zu", vm, m->nvms);
	found = m->vm[vm];
	model_unlock(m);
	return found;
}

const struct model_vcpu *model_vcpu(struct model *m, unsigned int vm, uint32_t vcpu)
{
	const struct model_vm *of = model_vm(m, vm);

	for (size_t i = 0; i < of->nvcpus; i++)
		if (of->vcpu[i]->id == vcpu)
			return of->vcpu[i];
	model_foul("the test asks for vCPU %u of VM %u, which does not exist", vcpu, vm);
}

unsigned int model_vms(struct model *m)
{
	unsigned int n;

	model_lock(m);
	n = (unsigned int)m->nvms;
	model_unlock(m);
	return n;
}

unsigned int model_irq_raised(struct model *m, unsigned int vm, unsigned int gsi)
{
	const struct model_vm *of = model_vm(m, vm);
	unsigned int n;

	model_lock(m);
	n = of->raised[gsi % MODEL_GSIS];
	model_unlock(m);
	return n;
}

void *model_guest_ptr(struct model *m, unsigned int vm, uint64_t gpa, uint64_t len)
{
	const struct model_vm *of = model_vm(m, vm);
	void *p = NULL;

	model_lock(m);
	for (size_t i = 0; i < of->nslots; i++) {
		const struct model_slot *s = &of->slot[i];

		if (!s->own && !s->gone && range_inside(gpa, len, s->gpa, s->len))
			p = s->gmem ? model_slot_ptr(s, gpa)
				    : (void *)(uintptr_t)(s->hva + (gpa - s->gpa));
	}
	model_unlock(m);
	return p;
}
