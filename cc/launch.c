// SPDX-License-Identifier: MIT
#include "cc/launch.h"

#include "cc/launch_ops.h"
#include "mem/convert.h"

#include <errno.h>
#include <time.h>

static const struct cc_ops *const technologies[] = {
	[CC_NONE] = &cc_none,
	[CC_SW_PROTECTED] = &cc_sw_protected,
	[CC_SNP] = &cc_snp,
	[CC_TDX] = &cc_tdx,
};

unsigned long cc_vm_type(enum cc_tech tech)
{
	return technologies[tech]->vm_type;
}

const char *cc_tech_name(enum cc_tech tech)
{
	return technologies[tech]->name;
}

static const char *state_name(enum cc_state state)
{
	static const char *const names[] = {
		[CC_CLOSED] = "closed",	      [CC_OPENED] = "opened", [CC_VCPUS] = "given vCPUs",
		[CC_POPULATED] = "populated", [CC_SEALED] = "sealed", [CC_BROKEN] = "broken",
	};

	return names[state];
}

static const char *operation_name(enum cc_operation operation)
{
	static const char *const names[] = {
		[CC_OP_VCPU] = "add a vCPU to",
		[CC_OP_POPULATE] = "populate the memory of",
		[CC_OP_FINISH] = "finish",
	};

	return names[operation];
}

/*
 * Is the operation legal now? Then the launch counts as broken until the operation has succeeded
 * and set *next, so that a failure half-way leaves no state in which one could go on.
 */
static int begin(struct cc_launch *launch, enum cc_operation operation, enum cc_state *next,
		 struct vmm_error *err)
{
	const struct cc_transition *t = launch->ops ? launch->ops->transitions : NULL;

	for (; t && t->state != CC_CLOSED; t++) {
		if (t->state == launch->state && t->operation == operation) {
			*next = t->next;
			launch->state = CC_BROKEN;
			return 0;
		}
	}
	return vmm_error_set(err, -EPERM, "unable to %s a %s VM whose launch is %s",
			     operation_name(operation), launch->ops ? launch->ops->name : "closed",
			     state_name(launch->state));
}

static void sleep_for(unsigned int microseconds)
{
	/* a signal may cut it short: then the next attempt comes early, no harm */
	nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000L}, NULL);
}

bool cc_retry(struct cc_launch *launch, struct cc_retry *retry)
{
	unsigned int ms = retry->tries < 7 ? 1u << retry->tries : CC_RETRY_PAUSE_MAX_MS;

	launch->stats.retries++;
	if (++retry->tries > CC_RETRIES)
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
		.ops = technologies[config->tech],
		.config = config,
		.log = log,
		.kvm = kvm,
		.vm = vm,
		.mem = mem,
		.cpuid = cpuid,
		.state = CC_OPENED,
		.sev_fd = -1,
	};
	if (launch->ops->open)
		ret = launch->ops->open(launch, err);
	if (ret < 0)
		cc_close(launch);
	return ret;
}

int cc_vcpu(struct cc_launch *launch, const struct kvm_vcpu *vcpu, uint64_t hob_gpa,
	    struct vmm_error *err)
{
	enum cc_state next;
	int ret = begin(launch, CC_OP_VCPU, &next, err);

	if (ret < 0)
		return ret;
	launch->hob_gpa = hob_gpa;
	if (launch->ops->vcpu)
		ret = launch->ops->vcpu(launch, vcpu, err);
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
	int ret = begin(launch, CC_OP_POPULATE, &next, err);

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
	ret = begin(launch, CC_OP_FINISH, &next, err);
	if (ret == 0 && launch->ops->finish)
		ret = launch->ops->finish(launch, err);
	if (ret < 0)
		return ret;
	mem_seal(launch->mem);
	launch->state = next;
	return 0;
}

void cc_close(struct cc_launch *launch)
{
	if (launch->ops && launch->ops->close)
		launch->ops->close(launch);
	launch->ops = NULL;
	launch->state = CC_CLOSED;
}
