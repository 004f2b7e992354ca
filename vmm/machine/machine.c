// SPDX-License-Identifier: MIT
#include "vmm/machine/machine.h"

#include "cc/dispatch.h"
#include "mem/mode.h"
#include "vmm/base/bytes.h"
#include "vmm/machine/config_api.h"
#include "vmm/machine/exit_ports.h"
#include "vmm/machine/exit_tdx.h"
#include "vmm/machine/files.h"
#include "vmm/machine/io_threads.h"
#include "vmm/machine/kvm_setup.h"
#include "vmm/machine/lifecycle.h"
#include "vmm/machine/platform.h"
#include "vmm/machine/vcpu.h"
#include "vmm/machine/views.h"
#include "vmm/virtio/devices.h"
#include "vmm/x86/cpuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Pages whose acceptance is worth a warning: half a minute. */
#define SLOW_PAGES 30000

/* Lines of a debug port in an hour: a debug build of OVMF writes some thousand in a boot. */
#define BOOT_LINES 20000

uint64_t minivmm_exits(const struct minivmm *vm)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < vm->nvcpus; i++)
		sum += atomic_load(&vm->vcpu[i].exits);
	return sum;
}

static int choose_memory_mode(struct minivmm *vm, struct vmm_error *err)
{
	static const enum mem_mode modes[] = {
		[CONFIG_MEMORY_AUTO] = MEM_MODE_AUTO,
		[CONFIG_MEMORY_IN_PLACE] = MEM_MODE_IN_PLACE,
		[CONFIG_MEMORY_SPLIT] = MEM_MODE_SPLIT,
		[CONFIG_MEMORY_SHARED] = MEM_MODE_SHARED,
	};
	static const enum mem_pages pages[] = {
		[CONFIG_HUGEPAGES_TRANSPARENT] = MEM_PAGES_TRANSPARENT,
		[CONFIG_HUGEPAGES_RESERVED] = MEM_PAGES_RESERVED,
		[CONFIG_HUGEPAGES_NONE] = MEM_PAGES_SMALL,
	};
	enum mem_mode wanted = modes[vm->config->machine.memory_mode];
	struct mem_offer offer;
	int ret;

	mem_init(&vm->mem, vm->sys, &vm->kvm_vm, pages[vm->config->machine.hugepages]);
	vm->mem.stop = &vm->stopping;
	if (!vm->cc.tech->private_memory && wanted == MEM_MODE_AUTO)
		return 0;
	ret = mem_probe(&vm->kvm_vm, vm->cc.tech->vm_type, &offer, err);
	if (ret == 0)
		ret = mem_set_mode(&vm->mem, &offer, wanted, err);
	return ret;
}

/*
 * OVMF maps all memory that the CPU can address before it starts drivers, some builds with pages of
 * 2 MiB, whose tables take 1 GiB for 48 bits; where that is more than there is, it goes on with none
 * and is lost without a word (Debian's OVMF_CODE_4M.fd of 2022.11). Later ones take 40 bits by
 * themselves then, QEMU's models of CPUs have so many. They are enough for what a plain VM has;
 * confidential ones see what the hardware says.
 */
static void limit_addresses(struct minivmm *vm)
{
	unsigned int bits = 40;

	if (!vm->config->boot.firmware || vm->cc.tech->private_memory)
		return;
	while (bits < 63 && layout_end(vm->config->machine.memory) > UINT64_C(1) << bits)
		bits++;
	cpuid_limit_phys_bits(vm->cpuid, bits);
}

static int create_memory(struct minivmm *vm, struct vmm_error *err)
{
	uint64_t size = vm->config->machine.memory;
	unsigned int bits = cpuid_phys_bits(vm->cpuid);
	int ret;

	if (bits < 64 && layout_end(size) > UINT64_C(1) << bits)
		return vmm_error_set(err, -EINVAL,
				     "machine.memory: %" PRIu64
				     " MiB do not fit into the %u address bits "
				     "of this host's CPU",
				     size >> 20, bits);
	limit_addresses(vm);
	ret = choose_memory_mode(vm, err);
	return ret < 0 ? ret : mem_add_ram(&vm->mem, size, err);
}

/* What can be known of the launch before there is a VM. */
static int prepare_launch(struct minivmm *vm, struct vmm_error *err)
{
	struct boot_demand demand;
	struct boot_config boot;
	const struct cc_tech *tech;
	int ret;

	ret = cc_choose(cc_techs[vm->config->machine.cc], &vm->kvm, &tech, err);
	if (ret == 0)
		ret = virtio_check(vm->config, tech, err);
	if (ret == 0)
		ret = files_check_first(vm->config, tech, vm->sys, err);
	if (ret == 0)
		ret = machine_cc_config(&vm->cc, vm->config, tech, vm->sys, err);
	if (ret == 0)
		ret = cc_config_identity(&vm->cc, vm->sys, err);
	if (ret < 0)
		return ret;
	machine_boot_config(vm->config, tech, &boot);
	ret = boot_open(&vm->boot, &boot, vm->sys, &demand, err);
	if (ret == 0)
		ret = cc_config_demand(&vm->cc, &demand, err);
	return ret < 0 ? ret : cc_check(&vm->cc, err);
}

static int build(struct minivmm *vm, struct vmm_error *err)
{
	int ret = kvm_system_open(&vm->kvm, vm->sys, err);

	if (ret == 0)
		ret = prepare_launch(vm, err);
	if (ret == 0)
		ret = kvm_setup(vm, err);
	if (ret < 0)
		return ret;
	machine_mark(vm, MINIVMM_MARK_VM_CREATED);

	ret = cpuid_create(&vm->kvm, &vm->kvm_vm, &vm->cc, &vm->cpuid, err);
	if (ret == 0)
		ret = cc_open(&vm->launch, &vm->cc, &vm->kvm, &vm->kvm_vm, &vm->mem, vm->cpuid,
			      &vm->log, err);
	if (ret == 0)
		ret = create_memory(vm, err);
	if (ret < 0)
		return ret;
	vm->plan = malloc(sizeof(*vm->plan));
	vm->vcpu = calloc(vm->config->machine.vcpus, sizeof(*vm->vcpu));
	if (!vm->plan || !vm->vcpu)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the VM");
	load_plan_init(vm->plan, &vm->mem);
	vm->port_exits = exit_ports_create(&vm->log);
	machine_mark(vm, MINIVMM_MARK_MEMORY_READY);

	ret = lifecycle_init(vm, err);
	if (ret == 0)
		ret = tdx_calls_init(vm, err);
	if (ret < 0)
		return ret;
	return platform_create(&vm->platform, vm, err);
}

int machine_create(struct minivmm **out, const struct vmm_config *config, const struct sys *sys,
		   const struct vmm_log *log, struct vmm_error *err)
{
	struct minivmm *vm;
	int ret;

	*out = NULL;
	ret = config_validate(config, err);
	if (ret < 0)
		return ret;

	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return vmm_error_errno(err, -ENOMEM, "unable to allocate the VM");
	vm->sys = sys;
	vm->config = config;
	if (log)
		vm->log = *log;
	vm->log.limits = &vm->log_limits;
	pthread_mutex_init(&vm->log_limits.lock, NULL);
	/* who reads these wants to see a whole boot */
	vm->limits.debug_port.lines = vm->limits.firmware.lines = vm->limits.touches.lines =
		BOOT_LINES;
	vm->kvm.h = vm->kvm_vm.h = (struct kvm_fd){.sys = sys, .fd = -1};
	vm->mem.sys = sys;
	vm->end_fd = vm->stop_fd = -1;
	lifecycle_locks(vm);

	ret = build(vm, err);
	if (ret < 0) {
		minivmm_destroy(vm);
		return ret;
	}
	*out = vm;
	return 0;
}

int minivmm_create(struct minivmm **vm, const struct minivmm_config *config,
		   const struct minivmm_host *host, struct vmm_error *err)
{
	struct vmm_log log = {0};

	if (host)
		log = (struct vmm_log){
			.write = host->log,
			.ctx = host->log_ctx,
			.level = (enum vmm_log_level)host->log_level,
		};
	return machine_create(vm, &config->config, sys_host(), &log, err);
}

int minivmm_load(struct minivmm *vm, struct vmm_error *err)
{
	int ret;

	if (vm->plan->nitems)
		return vmm_error_set(err, -EBUSY,
				     "a VM is loaded once: this one was, or failed to");
	ret = mem_check_stop(&vm->mem, err);
	if (ret < 0)
		return ret;
	ret = boot_load(vm->boot, vm->plan, err);
	if (ret == 0)
		ret = cc_check_vcpus(&vm->cc, vm->plan, err);
	if (ret == 0)
		ret = platform_load(vm->platform, err);
	if (ret < 0)
		return ret;
	vm->loaded = true;
	machine_mark(vm, MINIVMM_MARK_IMAGE_LOADED);
	vmm_log(&vm->log, VMM_LOG_DEBUG, "loaded %zu boot items, memory is %s", vm->plan->nitems,
		mem_backing_name(&vm->mem));
	return 0;
}

static int create_vcpus(struct minivmm *vm, struct vmm_error *err)
{
	while (vm->nvcpus < vm->config->machine.vcpus) {
		struct vcpu *vcpu = &vm->vcpu[vm->nvcpus];
		int ret = mem_check_stop(&vm->mem, err);

		if (ret == 0)
			ret = vcpu_init(vcpu, vm, vm->nvcpus, err);
		if (ret < 0)
			return ret;
		vm->nvcpus++;
		ret = cc_vcpu(&vm->launch, &vcpu->kvm, vm->plan->entry.arg, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The firmware gave the guest another table than KVM's: bring KVM in line. */
static int correct_cpuid(struct minivmm *vm, struct vmm_error *err)
{
	int ret = 0;

	for (uint32_t id = 0; id < vm->nvcpus && ret == 0; id++)
		ret = vcpu_set_cpuid(&vm->vcpu[id], err);
	return ret;
}

/*
 * RAM that nobody loaded anything into is accepted for an SNP guest without firmware, page by page.
 * That is the longest part of its start, so it is announced.
 */
static void tell_cost(const struct minivmm *vm)
{
	uint64_t npages = 0;

	for (size_t i = 0; i < vm->plan->nitems; i++)
		if (vm->plan->item[i].kind == LOAD_ZERO)
			npages += vm->plan->item[i].len / PAGE_SIZE;
	if (!vm->cc.tech->zero_is_slow || vm->config->boot.firmware || npages == 0)
		return;
	vmm_log(&vm->log, npages > SLOW_PAGES ? VMM_LOG_WARN : VMM_LOG_INFO,
		"%" PRIu64 " pages of RAM are accepted before the start, about %" PRIu64 ".%" PRIu64
		" s on hardware "
		"(1 ms a page)%s",
		npages, npages / 1000, npages % 1000 / 100,
		npages > SLOW_PAGES ? "; less machine.memory takes less" : "");
}

/*
 * Small pages that the guest is going to touch at once are mapped now, all of them in a call or two: a
 * fault for each would cost more. A KVM before 6.12 maps nothing ahead; they fault then.
 */
static void map_ahead(const struct minivmm *vm)
{
	int ret = 0;

	mem_make_ahead(&vm->mem);
	for (size_t i = 0; i < vm->mem.nahead && ret >= 0; i++) {
		struct kvm_pre_fault_memory range = {
			.gpa = vm->mem.ahead[i].gpa,
			.size = vm->mem.ahead[i].len,
		};

		ret = kvm_vcpu_pre_fault(&vm->vcpu[0].kvm, &range, NULL);
	}
}

int minivmm_launch(struct minivmm *vm, struct vmm_error *err)
{
	const struct cc_stats *stats = &vm->launch.stats;
	int ret;

	if (!vm->loaded || vm->nvcpus)
		return vmm_error_set(err, -EBUSY, "a VM is launched once, after it was loaded");
	ret = cc_expect(&vm->cc, vm->plan, &vm->mem, &vm->log, err);
	if (ret == 0)
		ret = create_vcpus(vm, err);
	if (ret == 0)
		tell_cost(vm);
	if (ret == 0)
		ret = cc_populate(&vm->launch, vm->plan, err);
	if (ret == 0 && vm->launch.cpuid_corrected)
		ret = correct_cpuid(vm, err);
	if (ret == 0)
		ret = cc_finish(&vm->launch, err);
	if (ret < 0)
		return ret;
	map_ahead(vm);
	machine_mark(vm, MINIVMM_MARK_LAUNCHED);
	if (vm->cc.tech->private_memory)
		vmm_log(&vm->log, VMM_LOG_DEBUG,
			"launched: memory is %s%s, %" PRIu64 " conversions and %" PRIu64
			" refused ones, "
			"%" PRIu64 " populate calls, %" PRIu64 " pages, %" PRIu64 " retries",
			mem_mode_name(vm->mem.mode), vm->cc.copy ? ", copied" : "",
			atomic_load(&vm->mem.stats.conversions),
			atomic_load(&vm->mem.stats.retries), stats->populates, stats->pages,
			stats->retries);
	return 0;
}

void minivmm_destroy(struct minivmm *vm)
{
	if (!vm)
		return;
	lifecycle_finish(vm);
	platform_destroy(vm->platform);
	tdx_calls_destroy(vm);
	lifecycle_destroy(vm);
	for (uint32_t i = 0; i < vm->nvcpus; i++)
		vcpu_destroy(&vm->vcpu[i]);
	cc_close(&vm->launch);
	mem_destroy(&vm->mem);
	kvm_vm_close(&vm->kvm_vm);
	kvm_system_close(&vm->kvm);
	boot_close(vm->boot);
	pthread_cond_destroy(&vm->end.threads_over);
	pthread_mutex_destroy(&vm->end.lock);
	pthread_mutex_destroy(&vm->log_limits.lock);
	free(vm->vcpu);
	exit_ports_free(vm->port_exits);
	free(vm->plan);
	free(vm->cpuid);
	free(vm);
}
