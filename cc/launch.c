// SPDX-License-Identifier: MIT
#include "cc/launch.h"
#include "cc/tech.h"
#include "mem/convert.h"

#include <errno.h>
#include <time.h>

enum operation {
	ADD_VCPU,
	POPULATE,
	FINISH,
};

static const char *state_name(enum cc_state state)
{
	static const char *const names[] = {
		[CC_CLOSED] = "closed",	      [CC_OPENED] = "opened", [CC_VCPUS] = "given vCPUs",
		[CC_POPULATED] = "populated", [CC_SEALED] = "sealed", [CC_BROKEN] = "broken",
	};

	return names[state];
}

/* The state that a legal operation leads to; CC_BROKEN: it is none. */
static enum cc_state next_state(const struct cc_launch *launch, enum operation operation)
{
	const struct cc_tech *tech = launch->config->tech;
	enum cc_state state = launch->state;

	switch (operation) {
	case ADD_VCPU:
		if (state == CC_OPENED || state == CC_VCPUS)
			return tech->vcpus_first ? CC_VCPUS : state;
		/* registers are measured when the launch is finished */
		if (state == CC_POPULATED && tech->registers == CC_ALL_CPUS)
			return state;
		break;
	case POPULATE:
		if (state == (tech->vcpus_first ? CC_VCPUS : CC_OPENED))
			return CC_POPULATED;
		break;
	case FINISH:
		if (state == CC_POPULATED)
			return CC_SEALED;
	}
	return CC_BROKEN;
}

/*
 * Is the operation legal now? Then the launch counts as broken until the operation has succeeded
 * and set *next, so that a failure half-way leaves no state in which one could go on.
 */
static int begin(struct cc_launch *launch, enum operation operation, enum cc_state *next,
		 struct vmm_error *err)
{
	static const char *const names[] = {
		[ADD_VCPU] = "add a vCPU to",
		[POPULATE] = "populate the memory of",
		[FINISH] = "finish",
	};

	*next = launch->config ? next_state(launch, operation) : CC_BROKEN;
	if (*next == CC_BROKEN)
		return vmm_error_set(err, -EPERM, "unable to %s a %s VM whose launch is %s",
				     names[operation],
				     launch->config ? launch->config->tech->name : "closed",
				     state_name(launch->state));
	launch->state = CC_BROKEN;
	return 0;
}

static void sleep_for(unsigned int microseconds)
{
	/* a signal may cut it short: then the next attempt comes early, no harm */
	nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000L}, NULL);
}

bool cc_retry(struct cc_launch *launch, unsigned int *tries)
{
	unsigned int ms = *tries < 7 ? 1u << *tries : CC_RETRY_PAUSE_MAX_MS;

	launch->stats.retries++;
	if (++*tries > CC_RETRIES)
		return false;
	launch->pause(ms * 1000);
	return true;
}

int cc_open(struct cc_launch *launch, const struct cc_config *config, const struct kvm_system *kvm,
	    const struct kvm_vm *vm, struct guest_mem *mem, struct kvm_cpuid2 *cpuid,
	    const struct vmm_log *log, struct vmm_error *err)
{
	int ret = 0;

	*launch = (struct cc_launch){
		.pause = launch->pause ? launch->pause : sleep_for,
		.config = config,
		.log = log,
		.kvm = kvm,
		.vm = vm,
		.mem = mem,
		.cpuid = cpuid,
		.state = CC_OPENED,
		.sev_fd = -1,
	};
	if (launch->config->tech->open)
		ret = launch->config->tech->open(launch, err);
	if (ret < 0)
		cc_close(launch);
	return ret;
}

int cc_vcpu(struct cc_launch *launch, const struct kvm_vcpu *vcpu, uint64_t hob_gpa,
	    struct vmm_error *err)
{
	enum cc_state next;
	int ret = begin(launch, ADD_VCPU, &next, err);

	if (ret < 0)
		return ret;
	launch->hob_gpa = hob_gpa;
	if (launch->config->tech->vcpu)
		ret = launch->config->tech->vcpu(launch, vcpu, err);
	if (ret < 0)
		return ret;
	if (launch->nvcpus++ == 0)
		launch->boot_cpu = vcpu;
	launch->state = next;
	return 0;
}

int cc_populate(struct cc_launch *launch, const struct load_plan *plan, struct vmm_error *err)
{
	enum cc_state next;
	int ret = begin(launch, POPULATE, &next, err);

	if (ret == 0)
		ret = cc_walk(launch, plan, err);
	if (ret < 0)
		return ret;
	launch->state = next;
	return 0;
}

int cc_finish(struct cc_launch *launch, struct vmm_error *err)
{
	enum cc_state next;
	int ret;

	if (launch->state == CC_POPULATED && launch->nvcpus != launch->config->vcpus)
		return vmm_error_set(err, -EPERM,
				     "unable to finish a VM of %u vCPUs with %u of them: those "
				     "made later could never run",
				     launch->config->vcpus, launch->nvcpus);
	ret = begin(launch, FINISH, &next, err);
	if (ret == 0 && launch->config->tech->finish)
		ret = launch->config->tech->finish(launch, err);
	if (ret < 0)
		return ret;
	mem_seal(launch->mem);
	launch->state = next;
	return 0;
}

void cc_close(struct cc_launch *launch)
{
	if (launch->config && launch->config->tech->close)
		launch->config->tech->close(launch);
	launch->config = NULL;
	launch->state = CC_CLOSED;
}
