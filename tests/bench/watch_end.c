// SPDX-License-Identifier: MIT
/*
 * A VM from its start to its end. KVM's counts are gone with the VM, so the watcher holds its
 * descriptor until it has read them.
 */
#include "tests/bench/watch.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Takes over the process's descriptor of its VM; -1: it has none yet. */
static int take_vm(const struct vmm *vmm)
{
	char path[64], target[64];
	struct dirent *entry;
	int mine = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)vmm->pid);
	dir = opendir(path);
	while (dir && mine < 0 && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		int fd = -1, pidfd;

		target[n > 0 ? n : 0] = '\0';
		if (strcmp(target, "anon_inode:kvm-vm") != 0 ||
		    sscanf(entry->d_name, "%d", &fd) != 1)
			continue;
		pidfd = (int)syscall(SYS_pidfd_open, vmm->pid, 0);
		mine = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
		close(pidfd);
	}
	if (dir)
		closedir(dir);
	return mine;
}

/* What the guest says on its console, and when. */
struct heard {
	uint64_t user_ns; /* its first program has begun */
	uint64_t write_us;
};

static void hear(struct heard *heard, const char *line)
{
	const char *text = strstr(line, "GUEST memory us=");

	if (!heard->user_ns && strstr(line, "GUEST hello"))
		heard->user_ns = now_ns();
	if (text)
		sscanf(text, "GUEST memory us=%" SCNu64, &heard->write_us);
}

/* Until the VMM has closed its output; false: not by the deadline. */
static bool listen_until_end(const struct vmm *vmm, uint64_t deadline, int *vm, struct heard *heard)
{
	char line[512];
	size_t len = 0;

	for (;;) {
		struct pollfd fd = {.fd = vmm->output, .events = POLLIN};
		int n;

		if (*vm < 0)
			*vm = take_vm(vmm);
		n = poll(&fd, 1, *vm < 0 ? 2 : 1000);
		if (now_ns() >= deadline)
			return false;
		if (n < 1)
			continue;
		if (read(vmm->output, &line[len], 1) != 1)
			return true;
		if (line[len] != '\n' && len < sizeof(line) - 2) {
			len++;
			continue;
		}
		line[len] = '\0';
		hear(heard, line);
		len = 0;
	}
}

bool end_report(struct vmm *vmm, int ms)
{
	struct heard heard = {0};
	struct rusage usage;
	int vm = -1, status;
	uint64_t end;
	bool done = listen_until_end(vmm, now_ns() + (uint64_t)ms * 1000000, &vm, &heard);

	while (done && wait4(vmm->pid, &status, 0, &usage) < 0)
		done = errno == EINTR;
	end = now_ns();
	if (done) {
		printf("{\"us\": %" PRIu64 ", \"user_us\": %" PRIu64 ", \"write_us\": %" PRIu64
		       ", \"exits\": %" PRId64 ", \"faults\": %" PRId64 ", \"peak_kib\": %ld}\n",
		       (end - vmm->start_ns) / 1000,
		       heard.user_ns ? (heard.user_ns - vmm->start_ns) / 1000 : 0, heard.write_us,
		       vmm_kvm_count(vmm, "exits"), vmm_kvm_count(vmm, "pf_fixed"),
		       usage.ru_maxrss);
		vmm->pid = 0; /* it is no more */
	}
	if (vm >= 0)
		close(vm);
	return done && heard.user_ns && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
