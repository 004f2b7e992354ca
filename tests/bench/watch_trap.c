// SPDX-License-Identifier: MIT
/*
 * System calls of the VMM that the watcher sees before they are carried out: seccomp's user
 * notification (seccomp_unotify(2)). The caller stands still meanwhile, so its memory and the
 * arguments can be read. Everything else the VMM does runs at full speed.
 */
#include "tests/bench/watch.h"
#include "vmm/kvm/uapi.h"
#include "vmm/kvm/uapi_snp.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KVM_TYPE 0xae /* the second byte of every KVM request number (KVMIO) */

#define DATA(field) ((unsigned int)offsetof(struct seccomp_data, field))

int trap_install(enum trap trap)
{
	/* x86 is little-endian: the low half of args[1], an ioctl's request, comes first */
	struct sock_filter launch[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendfile, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pread64, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter run[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_RUN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(run) / sizeof(run[0]), .filter = run};
	int listener;

	if (trap == TRAP_LAUNCH)
		program = (struct sock_fprog){.len = sizeof(launch) / sizeof(launch[0]),
					      .filter = launch};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0)
		err(1, "unable to install a system call filter");
	return listener;
}

/* What a launch did so far. */
struct account {
	uint64_t ioctls; /* KVM's own */
	uint64_t conversions;
	uint64_t updates;	/* LAUNCH_UPDATE */
	uint64_t pages;		/* given to the firmware */
	uint64_t copied;	/* bytes that KVM was to copy into private pages from elsewhere */
	uint64_t read_in_place; /* bytes of files read into guest memory, or copied to its file */
	uint64_t read_elsewhere;
	uint64_t peak_kib; /* resident beside guest RAM, at most, when a call was made */
};

static bool read_vmm(const struct vmm *vmm, uint64_t address, void *to, size_t len)
{
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)vmm->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	n = pread(fd, to, len, (off_t)address);
	close(fd);
	return n == (ssize_t)len;
}

static void count_update(const struct vmm *vmm, uint64_t address, struct account *account)
{
	struct snp_launch_update update;
	struct snp_cmd cmd;

	if (!read_vmm(vmm, address, &cmd, sizeof(cmd)) || cmd.id != SNP_CMD_LAUNCH_UPDATE ||
	    !read_vmm(vmm, cmd.data, &update, sizeof(update)))
		return;
	account->updates++;
	account->pages += update.len / 4096;
	if (update.uaddr && update.type != SNP_PAGE_ZERO)
		account->copied += update.len;
}

/* What a read of `len` bytes at `offset` gives: not more than the file has. */
static uint64_t bytes_read(const struct vmm *vmm, int fd, uint64_t offset, uint64_t len)
{
	struct stat file;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)vmm->pid, fd);
	if (stat(path, &file) < 0 || (uint64_t)file.st_size < offset)
		return 0;
	return len < (uint64_t)file.st_size - offset ? len : (uint64_t)file.st_size - offset;
}

static void count_read(const struct vmm *vmm, uint64_t ram, const struct seccomp_data *call,
		       struct account *account)
{
	uint64_t len = bytes_read(vmm, (int)call->args[0], call->args[3], call->args[2]);

	if (!account->ioctls)
		return; /* that is the dynamic linker */
	if (vmm_is_guest_ram(vmm, ram, call->args[1]))
		account->read_in_place += len;
	else
		account->read_elsewhere += len;
}

/* From file to file: the other one is the memfd of shared guest RAM. */
static void count_sendfile(const struct vmm *vmm, const struct seccomp_data *call,
			   struct account *account)
{
	uint64_t offset;

	if (read_vmm(vmm, call->args[2], &offset, sizeof(offset)))
		account->read_in_place +=
			bytes_read(vmm, (int)call->args[1], offset, call->args[3]);
}

static void count(const struct vmm *vmm, uint64_t ram, const struct seccomp_data *call,
		  struct account *account)
{
	unsigned long request = call->args[1] & 0xffffffff;
	struct resident resident;

	vmm_resident(vmm, ram, &resident);
	if (resident.other > account->peak_kib)
		account->peak_kib = resident.other;
	if (call->nr == SYS_pread64)
		count_read(vmm, ram, call, account);
	else if (call->nr == SYS_sendfile)
		count_sendfile(vmm, call, account);
	if (call->nr != SYS_ioctl || _IOC_TYPE(request) != KVM_TYPE)
		return;
	account->ioctls++;
	if (request == KVM_SET_MEMORY_ATTRIBUTES || request == GMEM_SET_ATTRIBUTES)
		account->conversions++;
	else if (request == KVM_MEMORY_ENCRYPT_OP)
		count_update(vmm, call->args[2], account);
}

static void report(const struct vmm *vmm, enum trap trap, uint64_t ram, uint64_t us,
		   const struct account *a)
{
	struct resident resident;

	printf("{\"us\": %" PRIu64 ", \"cpu_us\": %" PRIu64, us, vmm_cpu_us(vmm));
	vmm_resident(vmm, ram, &resident);
	printf(", \"over_kib\": %" PRIu64, resident.other);
	if (trap == TRAP_LAUNCH)
		printf(", \"ioctls\": %" PRIu64 ", \"conversions\": %" PRIu64
		       ", \"updates\": %" PRIu64 ", \"pages\": %" PRIu64 ", \"copied\": %" PRIu64
		       ", \"read_in_place\": %" PRIu64 ", \"read_elsewhere\": %" PRIu64
		       ", \"peak_over_kib\": %" PRIu64 ", \"charged_peak_kib\": %" PRId64,
		       a->ioctls, a->conversions, a->updates, a->pages, a->copied, a->read_in_place,
		       a->read_elsewhere, a->peak_kib, vmm_peak_kib());
	puts("}");
}

bool trap_report(const struct vmm *vmm, enum trap trap, uint64_t ram, int ms)
{
	struct pollfd fd = {.fd = vmm->listener, .events = POLLIN};
	struct account account = {0};

	while (poll(&fd, 1, ms) == 1 && (fd.revents & POLLIN)) {
		struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
		uint64_t us = (now_ns() - vmm->start_ns) / 1000;
		struct seccomp_notif call = {0};

		if (ioctl(vmm->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue; /* the caller was interrupted; it calls again */
		if (trap == TRAP_LAUNCH)
			count(vmm, ram, &call.data, &account);
		if (call.data.nr == SYS_ioctl && (uint32_t)call.data.args[1] == KVM_RUN) {
			report(vmm, trap, ram, us, &account);
			return true;
		}
		answer.id = call.id;
		ioctl(vmm->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	return false;
}
