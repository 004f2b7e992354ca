// SPDX-License-Identifier: MIT
#include "vmm/machine/exit_tdx.h"

#include "cc/quote.h"
#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi_tdx.h"
#include "vmm/machine/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bits of leaf 1, R11, for what is implemented here. GetQuote itself has none: every VMM has it. */
#define INFO_R11_SETUP_NOTIFY (UINT64_C(1) << 1)

/* Offsets in a GetQuote buffer, see cc/quote.h */
enum {
	AT_VERSION = 0,
	AT_IN_LEN = 16,
};

/* Address of a local APIC's message (Intel SDM, volume 3, "Message Address Register Format"):
 * physical destination, bits 19:12 of the low word; KVM takes higher bits of 32-bit ids from the
 * high word (Documentation/virt/kvm/api.rst, KVM_CAP_X2APIC_API). */
#define MSI_ADDRESS 0xfee00000u

/* --- the notification ------------------------------------------------------------------------- */

/* Whom to tell as one number, so that it is read and set at once; 0: nobody. */
static uint64_t notify_pack(uint32_t apic_id, uint8_t vector)
{
	return (uint64_t)apic_id << 8 | vector;
}

/* A request for a quote has ended; any thread. */
static void notify(void *ctx)
{
	struct minivmm *vm = ctx;
	uint64_t to = atomic_load(&vm->tdx_notify);
	uint32_t apic_id = (uint32_t)(to >> 8);
	struct kvm_msi msi = {
		.address_lo = MSI_ADDRESS | (apic_id & 0xff) << 12,
		.address_hi = apic_id & ~0xffu,
		.data = to & 0xff, /* fixed delivery, edge */
	};

	/* a guest that has switched this APIC off gets nothing: it polls the status as well */
	if (to)
		kvm_vm_signal_msi(&vm->kvm_vm, &msi, NULL);
}

/* --- GetQuote --------------------------------------------------------------------------------- */

/*
 * Copies the report out of the guest's buffer. The header is copied once and then believed: the
 * guest may go on writing to it.
 */
static int copy_report(const struct guest_mem *mem, uint64_t gpa, uint64_t size, uint8_t **report,
		       uint32_t *len)
{
	uint8_t header[QUOTE_HEADER_SIZE];
	struct mem_pin pin;
	int ret = mem_pin(mem, gpa, size, MEM_FOR_READING, "GetQuote", &pin);

	if (ret < 0)
		return ret;
	memcpy(header, pin.ptr, sizeof(header));
	*len = get_le32(header + AT_IN_LEN);
	if (get_le64(header + AT_VERSION) != QUOTE_VERSION || *len > size - sizeof(header)) {
		ret = -EINVAL;
	} else {
		*report = malloc(*len ? *len : 1);
		if (*report)
			memcpy(*report, (uint8_t *)pin.ptr + sizeof(header), *len);
		else
			ret = -ENOMEM;
	}
	mem_unpin(&pin);
	return ret;
}

/* What the guest's R10 says about a request that ended with this errno. */
static uint64_t status_of(int ret)
{
	switch (ret) {
	case 0:
		return TDVMCALL_SUCCESS;
	case -EBUSY:
	case -ENOMEM:
		return TDVMCALL_RETRY;
	default:
		return TDVMCALL_INVALID_OPERAND;
	}
}

static uint64_t get_quote(struct minivmm *vm, uint64_t gpa, uint64_t size)
{
	uint8_t *report = NULL;
	uint32_t len;
	int ret;

	if (!is_aligned(gpa, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE))
		return TDVMCALL_ALIGN_ERROR;
	if (size == 0 || size > QUOTE_BUFFER_MAX)
		return TDVMCALL_INVALID_OPERAND;
	ret = copy_report(&vm->mem, gpa, size, &report, &len);
	if (ret == 0 && vm->quote) {
		ret = quote_submit(vm->quote, gpa, (uint32_t)size, report, len);
	} else if (ret == 0) {
		ret = quote_set_status(&vm->mem, gpa, QUOTE_STATUS_UNAVAILABLE);
		notify(vm);
	}
	free(report);
	return status_of(ret);
}

/* --- the exit --------------------------------------------------------------------------------- */

static void get_info(const struct cc_tdx_calls *calls, struct run_tdx *call)
{
	if (call->u.info.leaf != 1)
		return;
	call->u.info.r11 = calls->kernel_r11 | (calls->user_r11 & INFO_R11_SETUP_NOTIFY);
	call->u.info.r12 = calls->kernel_r12;
	call->u.info.r13 = call->u.info.r14 = 0;
	call->u.info.ret = TDVMCALL_SUCCESS;
}

bool exit_tdx(struct vcpu *vcpu)
{
	uint8_t *shared = (uint8_t *)vcpu->kvm.run + KVM_RUN_EXIT;
	struct run_tdx call;

	memcpy(&call, shared, sizeof(call));
	switch (call.nr) {
	case TDVMCALL_GET_INFO:
		get_info(&vcpu->vm->launch.tdx_calls, &call);
		break;
	case TDVMCALL_GET_QUOTE:
		call.u.quote.ret = get_quote(vcpu->vm, call.u.quote.gpa, call.u.quote.size);
		break;
	case TDVMCALL_SETUP_NOTIFY:
		if (call.u.notify.vector < 32 || call.u.notify.vector > 255) {
			call.u.notify.ret = TDVMCALL_INVALID_OPERAND;
			break;
		}
		atomic_store(&vcpu->vm->tdx_notify,
			     notify_pack(vcpu->id, (uint8_t)call.u.notify.vector));
		call.u.notify.ret = TDVMCALL_SUCCESS;
		break;
	default: /* KVM's own answer stands */
		return true;
	}
	memcpy(shared, &call, sizeof(call));
	return true;
}

int tdx_calls_init(struct minivmm *vm, struct vmm_error *err)
{
	const struct endpoint *socket = &vm->config->cc.tdx.quote_socket;
	struct quote_address address;

	if (vm->cc.tech != &cc_tdx || socket->kind == ENDPOINT_NONE)
		return 0;
	quote_address_set(&address, socket);
	return quote_create(&vm->quote, &address, vm->sys, &vm->loop, &vm->mem, &vm->log, notify,
			    vm, err);
}

void tdx_calls_destroy(struct minivmm *vm)
{
	quote_destroy(vm->quote);
	vm->quote = NULL;
}
