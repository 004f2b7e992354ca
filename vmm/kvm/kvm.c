// SPDX-License-Identifier: MIT
#include "vmm/kvm/kvm.h"

#include "vmm/kvm/device_hint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

/* What helps when a call fails in a way that has one usual cause. */
static const char *remedy(unsigned long request, int code)
{
	switch (request) {
	case KVM_CREATE_VM:
		if (code == -EINVAL)
			return "this kernel or CPU does not offer this type of VM, see "
			       "'minivmm probe'";
		if (code == -EBUSY)
			return "another hypervisor holds the CPU's virtualization extension";
		break;
	case KVM_CREATE_VCPU:
		if (code == -EINVAL)
			return "more vCPUs than the host allows, see 'minivmm probe'";
		break;
	case KVM_SET_USER_MEMORY_REGION:
	case KVM_SET_USER_MEMORY_REGION2:
		if (code == -ENOMEM)
			return "the host has too little memory to keep track of a guest this "
			       "large";
		break;
	case KVM_CREATE_PIT2:
	case KVM_CREATE_IRQCHIP:
		if (code == -ENOTTY)
			return "this kernel has no interrupt controllers for this type of VM "
			       "(a plain one needs CONFIG_KVM_IOAPIC)";
		break;
	}
	if (code == -ENOTTY)
		return "the host kernel is too old for this";
	if (code == -EMFILE || code == -ENFILE)
		return "raise the limit of open files (ulimit -n)";
	return NULL;
}

int kvm_ioctl(const struct kvm_fd *h, unsigned long request, const char *name, void *arg,
	      struct vmm_error *err)
{
	int ret = h->sys->ops->ioctl(h->sys->ctx, h->fd, request, arg);
	const char *help;

	if (ret >= 0)
		return ret;
	vmm_error_errno(err, ret, "%s failed on %s", name, h->name);
	help = remedy(request, ret);
	if (help)
		vmm_error_hint(err, "%s", help);
	return ret;
}

static int open_failed(const struct sys *sys, int ret, struct vmm_error *err)
{
	char hint[DEVICE_HINT];

	vmm_error_errno(err, ret, "unable to open /dev/kvm");
	if (ret == -ENOENT || ret == -ENODEV || ret == -ENXIO)
		vmm_error_hint(
			err,
			"enable virtualization in the firmware setup and load the "
			"module, modprobe kvm_amd or kvm_intel, or in a container " DEVICE_OPTION(
				"/dev/kvm"));
	else if (device_hint(sys, "/dev/kvm", ret, hint))
		vmm_error_hint(err, "%s", hint);
	return ret;
}

/* There is a KVM that needs no virtualization extension: it runs guests in user mode, on page tables
 * of its own. Only a kernel that was made for that gets any further than its first instructions there,
 * and others say nothing, for ever. */
static int check_cpu(const struct sys *sys, struct vmm_error *err)
{
	char vendor[13];

	if (sys->ops->cpu(sys->ctx, vendor))
		return 0;
	return vmm_error_set(
		err, -ENOTSUP,
		"/dev/kvm works, but by page tables alone (PVM): the CPU shows neither "
		"SVM nor VMX, and no ordinary kernel runs without: use a host with "
		"hardware virtualization, or where this is a VM itself, one with nested "
		"virtualization");
}

int kvm_system_open(struct kvm_system *kvm, const struct sys *sys, struct vmm_error *err)
{
	int ret;

	*kvm = (struct kvm_system){.h = {.sys = sys, .fd = -1, .name = "/dev/kvm"}};
	ret = sys->ops->open(sys->ctx, "/dev/kvm", O_RDWR);
	if (ret < 0)
		return open_failed(sys, ret, err);
	kvm->h.fd = ret;

	ret = kvm_ioctl(&kvm->h, KVM_GET_API_VERSION, "KVM_GET_API_VERSION", NULL, err);
	if (ret >= 0 && ret != KVM_API_VERSION)
		ret = vmm_error_set(err, -ENOTSUP, "/dev/kvm speaks API version %d, not %d", ret,
				    KVM_API_VERSION);
	if (ret >= 0)
		ret = check_cpu(sys, err);
	if (ret >= 0)
		ret = kvm_ioctl(&kvm->h, KVM_GET_VCPU_MMAP_SIZE, "KVM_GET_VCPU_MMAP_SIZE", NULL,
				err);
	if (ret >= 0 && (size_t)ret < sizeof(struct kvm_run))
		ret = vmm_error_set(err, -ENOTSUP, "/dev/kvm: struct kvm_run has only %d bytes",
				    ret);
	if (ret < 0) {
		kvm_system_close(kvm);
		return ret;
	}
	kvm->run_size = (size_t)ret;
	return 0;
}

void kvm_system_close(struct kvm_system *kvm)
{
	sys_close(kvm->h.sys, &kvm->h.fd);
}

int kvm_vm_create(struct kvm_vm *vm, const struct kvm_system *kvm, unsigned long type,
		  struct vmm_error *err)
{
	int ret;

	*vm = (struct kvm_vm){.h = {.sys = kvm->h.sys, .fd = -1, .name = "VM"}};
	/* a signal that arrives meanwhile ends the call without harm */
	do
		ret = kvm_ioctl(&kvm->h, KVM_CREATE_VM, "KVM_CREATE_VM", (void *)type, err);
	while (ret == -EINTR);
	if (ret < 0)
		return ret;
	vm->h.fd = ret;
	return 0;
}

void kvm_vm_close(struct kvm_vm *vm)
{
	sys_close(vm->h.sys, &vm->h.fd);
}

int kvm_vcpu_create(struct kvm_vcpu *vcpu, const struct kvm_vm *vm, const struct kvm_system *kvm,
		    uint32_t id, struct vmm_error *err)
{
	const struct sys *sys = vm->h.sys;
	void *run;
	int ret;

	*vcpu = (struct kvm_vcpu){.h = {.sys = sys, .fd = -1}};
	snprintf(vcpu->h.name, sizeof(vcpu->h.name), "vCPU %u", id);
	ret = kvm_ioctl(&vm->h, KVM_CREATE_VCPU, "KVM_CREATE_VCPU", (void *)(unsigned long)id, err);
	if (ret < 0) {
		vmm_error_prefix(err, "%s", vcpu->h.name);
		return ret;
	}
	vcpu->h.fd = ret;

	ret = sys->ops->mmap(sys->ctx, &run, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     vcpu->h.fd, 0);
	if (ret < 0) {
		vmm_error_errno(err, ret, "unable to map struct kvm_run of %s", vcpu->h.name);
		kvm_vcpu_close(vcpu);
		return ret;
	}
	vcpu->run = run;
	vcpu->run_size = kvm->run_size;
	return 0;
}

void kvm_vcpu_close(struct kvm_vcpu *vcpu)
{
	if (vcpu->run)
		vcpu->h.sys->ops->munmap(vcpu->h.sys->ctx, vcpu->run, vcpu->run_size);
	vcpu->run = NULL;
	sys_close(vcpu->h.sys, &vcpu->h.fd);
}

int kvm_system_cap(const struct kvm_system *kvm, unsigned long cap)
{
	int ret = kvm_ioctl(&kvm->h, KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", (void *)cap, NULL);

	return ret < 0 ? 0 : ret;
}

int kvm_vm_cap(const struct kvm_vm *vm, unsigned long cap)
{
	int ret = kvm_ioctl(&vm->h, KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", (void *)cap, NULL);

	return ret < 0 ? 0 : ret;
}

uint32_t kvm_max_vcpus(const struct kvm_vm *vm)
{
	uint32_t max = (uint32_t)kvm_vm_cap(vm, KVM_CAP_MAX_VCPUS);

	if (max == 0) /* as api.rst says for kernels without the capability */
		max = (uint32_t)kvm_vm_cap(vm, KVM_CAP_NR_VCPUS);
	return max < KVM_IOAPIC_MAX_VCPUS ? max : KVM_IOAPIC_MAX_VCPUS;
}

int kvm_vcpu_run(const struct kvm_vcpu *vcpu)
{
	return vcpu->h.sys->ops->ioctl(vcpu->h.sys->ctx, vcpu->h.fd, KVM_RUN, NULL);
}

int kvm_vm_create_guest_memfd(const struct kvm_vm *vm, uint64_t size, uint64_t flags,
			      struct vmm_error *err)
{
	struct kvm_create_guest_memfd arg = {.size = size, .flags = flags};
	const struct sys *sys = vm->h.sys;
	int fd;

	_Static_assert(sizeof(arg) == _IOC_SIZE(KVM_CREATE_GUEST_MEMFD), "size");
	fd = kvm_ioctl(&vm->h, KVM_CREATE_GUEST_MEMFD, "KVM_CREATE_GUEST_MEMFD", &arg, err);
	if (fd == -EACCES)
		vmm_error_hint(err, "KVM itself never says this: most likely SELinux, whose policy "
				    "has to allow this program to create an anon_inode [kvm-gmem]; "
				    "ausearch -m avc shows what it denied");
	if (fd < 0)
		return fd;
	/* KVM hands it out without close-on-exec (guest_memfd.c, get_unused_fd_flags(0)) */
	sys->ops->cloexec(sys->ctx, fd);
	return fd;
}

int kvm_gmem_set_attributes(const struct sys *sys, int fd, struct gmem_attributes *arg,
			    struct vmm_error *err)
{
	struct kvm_fd h = {.sys = sys, .fd = fd, .name = "guest_memfd"};

	_Static_assert(sizeof(*arg) == _IOC_SIZE(GMEM_SET_ATTRIBUTES), "size");
	return kvm_ioctl(&h, GMEM_SET_ATTRIBUTES, "KVM_SET_MEMORY_ATTRIBUTES2", arg, err);
}

int kvm_vm_enable_cap(const struct kvm_vm *vm, uint32_t cap, uint64_t arg0, struct vmm_error *err)
{
	struct kvm_enable_cap arg = {.cap = cap, .args = {arg0}};

	_Static_assert(sizeof(arg) == _IOC_SIZE(KVM_ENABLE_CAP), "size");
	return kvm_ioctl0(&vm->h, KVM_ENABLE_CAP, "KVM_ENABLE_CAP", &arg, err);
}
