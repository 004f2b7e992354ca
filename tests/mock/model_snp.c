// SPDX-License-Identifier: MIT
/*
 * SNP: the sub-commands of a launch. KVM's part as in Linux arch/x86/kvm/svm/sev.c, with length 0
 * and unaligned sources refused as in later kernels; the firmware's as in its ABI specification,
 * chapters SNP_LAUNCH_START, SNP_LAUNCH_UPDATE and SNP_LAUNCH_FINISH.
 */
#include "tests/mock/model_cc_state.h"

#include "vmm/base/bytes.h"
#include "vmm/kvm/uapi_snp.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096ULL

/* Status codes. */
#define POLICY_FAILURE	0x07
#define BAD_SIGNATURE	0x0a
#define BAD_MEASUREMENT 0x0b
#define INVALID_PARAM	0x16
#define BAD_VERSION	0x22

#define POLICY_SMT	     (1ULL << 16)
#define POLICY_ONE	     (1ULL << 17) /* must be 1 */
#define POLICY_SINGLE_SOCKET (1ULL << 20)
#define POLICY_6_12	     0xbffffULL /* ABI version, SMT, the bit that is 1, debug */

static int firmware(struct snp_cmd *cmd, uint32_t status)
{
	cmd->error = status;
	return -EIO;
}

static void sha384(const void *data, size_t len, uint8_t digest[MODEL_DIGEST])
{
	struct sha384_ctx ctx;

	sha384_init(&ctx);
	sha384_update(&ctx, len, data);
	sha384_digest(&ctx, MODEL_DIGEST, digest);
}

/* PAGE_INFO, table 67: what becomes the next digest. */
struct page_info {
	uint8_t digest_cur[48];
	uint8_t contents[48];
	uint16_t length;
	uint8_t page_type;
	uint8_t imi_page;
	uint8_t vmpl_perms[4];
	uint64_t gpa;
};

_Static_assert(sizeof(struct page_info) == 0x70, "PAGE_INFO");

static void measure(struct model_vm *vm, uint8_t type, uint64_t gpa, const uint8_t *contents)
{
	struct model_snp *snp = vm->snp;
	struct page_info info = {.length = sizeof(info), .page_type = type, .gpa = gpa};

	snp->pages++;
	if (vm->model->skip_measurement)
		return;
	memcpy(info.digest_cur, snp->digest, sizeof(info.digest_cur));
	if (contents)
		sha384(contents, PAGE, info.contents);
	sha384(&info, sizeof(info), snp->digest);
}

/* --- KVM_SEV_INIT2 --- */

static int init2(struct model_vm *vm, const struct snp_cmd *cmd)
{
	const struct snp_init *init = (const void *)(uintptr_t)cmd->data;
	struct model_snp_host *host = &vm->model->snp;

	if (vm->nvcpus > 0 || init->flags)
		return -EINVAL;
	if (init->vmsa_features & ~(host->knows_features ? host->features : 0))
		return -EINVAL;
	if (init->ghcb_version > 2)
		return -EINVAL;
	if (host->asids == 0)
		return -EBUSY;
	host->asids--;
	vm->snp->initialized = true;
	vm->snp->ghcb_version = init->ghcb_version;
	vm->snp->features = init->vmsa_features | 1;
	return 0;
}

/* --- LAUNCH_START --- */

static bool sev_fd_good(const struct model_vm *vm, const struct snp_cmd *cmd)
{
	const struct model_fd *f = model_find_fd(vm->model, (int)cmd->sev_fd);

	return f && f->kind == MODEL_SEV;
}

static bool policy_good(const struct model_snp_host *host, uint64_t policy)
{
	if (host->policy_bits)
		return !(policy & ~host->policy_bits) && policy & POLICY_ONE;
	return !(policy & ~POLICY_6_12) && policy & POLICY_ONE && policy & POLICY_SMT &&
	       !(policy & (1ULL << 18 | POLICY_SINGLE_SOCKET));
}

static int launch_start(struct model_vm *vm, struct snp_cmd *cmd)
{
	const struct snp_launch_start *start = (const void *)(uintptr_t)cmd->data;
	struct model_snp *snp = vm->snp;

	if (snp->started || start->flags || !policy_good(&vm->model->snp, start->policy))
		return -EINVAL;
	if (!sev_fd_good(vm, cmd))
		return -EBADF;
	if ((start->policy & 0xffff) > vm->model->snp.api)
		return firmware(cmd, BAD_VERSION);
	snp->started = true;
	snp->policy = start->policy;
	memcpy(snp->gosvw, start->gosvw, sizeof(snp->gosvw));
	return 0;
}

/* --- LAUNCH_UPDATE --- */

static void write_secrets(const struct model_snp *snp, uint8_t *page)
{
	memset(page, 0, PAGE);
	put_le32(page, 3);
	memcpy(page + 0x10, snp->gosvw, sizeof(snp->gosvw));
	memset(page + 0x20, 0x5e, 4 * 32); /* keys */
}

/* The firmware's verdict on a CPUID page. Refused, it is the host's again, and what the firmware
 * would take is in it: KVM copies that to the source. */
static int update_cpuid(struct model_vm *vm, struct snp_cmd *cmd, uint64_t gpa, uint64_t src,
			uint8_t *page)
{
	struct iovec from = {page, PAGE}, to = {(void *)(uintptr_t)src, PAGE};

	if (model_snp_check_cpuid(&vm->model->snp, page)) {
		memcpy(vm->snp->cpuid_page, page, PAGE);
		return 0;
	}
	vm->snp->cpuid_refused++;
	model_unpopulate(vm, gpa);
	if (src && process_vm_writev(getpid(), &from, 1, &to, 1, 0) != (ssize_t)PAGE)
		return -EFAULT;
	return firmware(cmd, INVALID_PARAM);
}

/* One page; the ioctl makes EIO of whatever comes back. */
static int update_page(struct model_vm *vm, struct snp_cmd *cmd, uint8_t type, uint64_t gpa,
		       uint64_t src)
{
	uint8_t *page;
	void *where;
	int ret;

	if (!sev_fd_good(vm, cmd))
		return -EBADF;
	if (vm->snp->pages + 1 == vm->model->fail_page)
		return firmware(cmd, (uint32_t)vm->model->fail_status);
	ret = model_populate(vm, gpa, src, type == SNP_PAGE_ZERO, &where);
	if (ret < 0)
		return ret;
	page = where;
	if (type == SNP_PAGE_ZERO && model_gmem_has_page(vm, gpa))
		memset(page, 0, PAGE);
	if (type == SNP_PAGE_SECRETS)
		write_secrets(vm->snp, page);
	if (type == SNP_PAGE_CPUID)
		ret = update_cpuid(vm, cmd, gpa, src, page);
	if (ret == 0)
		measure(vm, type, gpa, type == SNP_PAGE_NORMAL ? page : NULL);
	return ret;
}

static bool type_good(uint8_t type)
{
	return type == SNP_PAGE_NORMAL || (type >= SNP_PAGE_ZERO && type <= SNP_PAGE_CPUID);
}

static int launch_update(struct model_vm *vm, struct snp_cmd *cmd)
{
	struct snp_launch_update *u = (void *)(uintptr_t)cmd->data;
	bool zero = u->type == SNP_PAGE_ZERO;
	const struct model_slot *slot;
	uint64_t npages, done = 0;
	int ret = 0;

	if (!vm->snp->started)
		return -EINVAL;
	if (u->len == 0 || !is_aligned(u->len | u->uaddr, PAGE) || u->flags || !type_good(u->type))
		return -EINVAL;
	slot = model_gmem_slot(vm, u->gfn_start * PAGE);
	if (!slot)
		return -EINVAL;
	if (model_cc_interrupted(vm->model))
		return -EIO; /* EINTR inside */
	npages = (slot->gpa + slot->len) / PAGE - u->gfn_start;
	if (npages > u->len / PAGE)
		npages = u->len / PAGE;
	if (vm->model->populate_stop && npages > vm->model->populate_stop)
		npages = vm->model->populate_stop;
	for (; done < npages; done++) {
		uint64_t src = u->uaddr && !zero ? u->uaddr + done * PAGE : 0;

		ret = update_page(vm, cmd, u->type, (u->gfn_start + done) * PAGE, src);
		if (ret < 0)
			break;
	}
	if (ret < 0 && done == 0)
		return -EIO;
	cmd->error = 0;
	u->gfn_start += done;
	u->len -= done * PAGE;
	if (u->uaddr && !zero)
		u->uaddr += done * PAGE;
	return 0;
}

/* --- LAUNCH_FINISH --- */

/* ID block and ID authentication information: tables 75 and 76. Signatures are not verified, only
 * that there are some. */
static uint32_t check_id(const struct model_snp *snp, const struct snp_launch_finish *f)
{
	static const uint8_t none[512];
	const uint8_t *block = (const void *)(uintptr_t)f->id_block_uaddr;
	const uint8_t *auth = (const void *)(uintptr_t)f->id_auth_uaddr;

	if (get_le32(auth) != 1 || memcmp(auth + 0x40, none, sizeof(none)) == 0)
		return BAD_SIGNATURE;
	if (f->auth_key_en &&
	    (get_le32(auth + 4) != 1 || memcmp(auth + 0x680, none, sizeof(none)) == 0))
		return BAD_SIGNATURE;
	if (memcmp(block, snp->digest, MODEL_DIGEST) != 0)
		return BAD_MEASUREMENT;
	if (get_le64(block + 0x58) != snp->policy)
		return POLICY_FAILURE;
	return 0;
}

static int launch_finish(struct model_vm *vm, struct snp_cmd *cmd)
{
	const struct snp_launch_finish *f = (const void *)(uintptr_t)cmd->data;
	struct model_snp *snp = vm->snp;
	uint8_t page[PAGE];
	uint32_t status;

	if (!snp->started || f->flags)
		return -EINVAL;
	if (!sev_fd_good(vm, cmd))
		return -EBADF;
	snp->finish_begun = true;
	for (size_t i = 0; i < vm->nvcpus; i++) {
		model_snp_vmsa(vm->vcpu[i], snp->features, page);
		measure(vm, SNP_PAGE_VMSA, 0xfffffffff000, page);
		vm->vcpu[i]->sealed = true;
	}
	status = f->id_block_en ? check_id(snp, f) : 0;
	if (status)
		return firmware(cmd, status);
	snp->finished = vm->sealed = true;
	snp->id_block = f->id_block_en;
	snp->author_key = f->id_block_en && f->auth_key_en;
	snp->vcek_disabled = f->vcek_disabled;
	/* by its place in the structure, not by its name */
	memcpy(snp->host_data, (const uint8_t *)f + 19, sizeof(snp->host_data));
	return 0;
}

int model_snp_command(struct model_vm *vm, struct snp_cmd *cmd)
{
	struct model_snp *snp = vm->snp;

	if (!vm->model->snp.present)
		return -ENOTTY;
	if (snp->initialized && cmd->id < SNP_CMD_LAUNCH_START)
		return -EPERM;
	if (!snp->initialized && cmd->id >= SNP_CMD_LAUNCH_START)
		return -ENOTTY;
	/* Linux up to 6.18 at least: a second FINISH is a fault in sev_es_sync_vmsa(), an oops of the
	 * host; a test must not go on behind that */
	if (snp->finish_begun && cmd->id >= SNP_CMD_LAUNCH_START &&
	    cmd->id <= SNP_CMD_LAUNCH_FINISH)
		model_foul("VM %u: LAUNCH command %u after LAUNCH_FINISH", vm->index, cmd->id);
	switch (cmd->id) {
	case SNP_CMD_INIT2:
		return init2(vm, cmd);
	case SNP_CMD_LAUNCH_START:
		return launch_start(vm, cmd);
	case SNP_CMD_LAUNCH_UPDATE:
		return launch_update(vm, cmd);
	case SNP_CMD_LAUNCH_FINISH:
		return launch_finish(vm, cmd);
	case SNP_CMD_ENABLE_REQ_CERTS:
		snp->certs = vm->model->snp.certs;
		return snp->certs ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* --- settings --- */

void model_snp_set_features(struct model *m, bool known, uint64_t features)
{
	m->snp.knows_features = known;
	m->snp.features = features;
}

void model_snp_set_policy_bits(struct model *m, uint64_t bits)
{
	m->snp.policy_bits = bits;
}

void model_snp_set_certs(struct model *m)
{
	m->snp.certs = true;
}

void model_snp_set_asids(struct model *m, unsigned int n)
{
	m->snp.asids = n;
}

void model_snp_refuse_cpuid(struct model *m, unsigned int n)
{
	m->snp.refuse = n;
}

void model_snp_lacks(struct model *m, uint32_t function, uint32_t index, uint32_t reg,
		     uint32_t bits)
{
	if (m->snp.nlacks == ARRAY_SIZE(m->snp.lacks))
		model_foul("too many CPUID bits are lacking");
	m->snp.lacks[m->snp.nlacks].function = function;
	m->snp.lacks[m->snp.nlacks].index = index;
	m->snp.lacks[m->snp.nlacks].reg = reg;
	m->snp.lacks[m->snp.nlacks++].bits = bits;
}
