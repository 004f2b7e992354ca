/* SPDX-License-Identifier: MIT */
/*
 * How the parts of the model hang together. One file per subject: model.c (life, counting,
 * failing), account.c (what is open, mapped, running), sys.c (the table), system.c, vm.c, memory.c,
 * irq.c, vcpu.c, run.c (the ioctls).
 *
 * All ioctl handlers run with the model locked; KVM_RUN unlocks it while it waits.
 */
#ifndef TESTS_MOCK_INTERNAL_H
#define TESTS_MOCK_INTERNAL_H

#include "tests/mock/model_gmem.h"
#include "tests/mock/model_snp.h"
#include "tests/mock/model_tdx.h"
#include "tests/mock/objects.h"

#include <signal.h>

enum model_kind {
	MODEL_FILE,
	MODEL_MEMFD,
	MODEL_EVENTFD,
	MODEL_SEV,
	MODEL_SYSTEM,
	MODEL_VM,
	MODEL_VCPU,
	MODEL_GMEM,
	MODEL_TAP,   /* /dev/net/tun */
	MODEL_VHOST, /* /dev/vhost-net */
};

struct model_fd {
	int fd;
	enum model_kind kind;
	void *object; /* struct model, model_vm, model_vcpu, model_gmem, model_net; else NULL */
	bool huge;    /* memfd of huge pages; behind it are ordinary ones */
	unsigned long call;
	char name[64];
};

struct model_map {
	void *addr;
	size_t len;
	uint64_t huge_pages; /* taken from the free ones */
	int fd;		     /* what is mapped, from `offset` on */
	uint64_t offset;
	const struct model_gmem *gmem; /* NULL: something else */
	unsigned long call;
	char name[64];
};

/* A reference on a page. */
struct model_pin {
	struct model_gmem *gmem;
	uint64_t offset;
	unsigned int attempts; /* left; 0: for ever */
};

struct model_thread {
	pthread_t thread;
	unsigned long call;
};

struct model_script {
	unsigned int vm;
	uint32_t vcpu;
	struct model_step *step;
	size_t nsteps;
};

struct model {
	struct sys sys;
	pthread_mutex_t lock;
	unsigned int patience; /* seconds */
	uint64_t huge_pages;
	bool pagetable_based; /* the CPU shows neither SVM nor VMX */

	const char **call_name;
	unsigned long ncalls;
	struct model_count {
		const char *name; /* compared as a pointer: a name may have several of them */
		unsigned long n;
	} * count;
	size_t ncounts;
	unsigned long call; /* number of the call whose handler runs, for the account */
	unsigned long fail_at;
	int fail_code;
	struct {
		const char *call;
		int ret;
		unsigned long nth; /* 0: each call; else counts down, only the one at 1 */
	} answer[16];
	size_t nanswers;

	struct {
		unsigned long cap;
		int value;
	} cap[96];
	size_t ncaps;
	uint32_t refused_msr[8];
	size_t nrefused_msrs;

	struct model_fd *fd;
	size_t nfds;
	struct model_map *map;
	size_t nmaps;
	struct model_thread *thread;
	size_t nthreads;

	struct model_vm **vm;
	size_t nvms;
	struct model_gmem **gmem;
	size_t ngmems;
	struct model_script *script;
	size_t nscripts;

	enum model_gmem_dialect gmem_dialect;
	bool gmem_hybrid;
	unsigned int gmem_eagain_every;
	unsigned int gmem_conversions;
	uint64_t gmem_wasted;
	uint64_t gmem_peak; /* memory in use, most that a populate has seen */
	struct model_pin pin[16];
	size_t npins;
	int nothing_fd; /* a file without length; 0: none yet */

	struct model_snp_host snp;
	struct model_tdx_host tdx;
	uint64_t fail_status;
	uint64_t failed_gpa; /* of the last populate call that was made to fail */
	uint64_t fail_page;  /* counted from 1 over a launch; 0: none */
	int fail_page_code;
	bool skip_measurement;
	unsigned int populates; /* calls */
	unsigned int populate_stop;
	unsigned int populate_interrupt;
};

/* One ioctl of one kind of descriptor. `object` is that of struct model_fd. */
struct model_request {
	unsigned long request;
	const char *name;
	int (*handle)(void *object, void *arg);
};

/* each ends with request 0 */
extern const struct model_request model_system_requests[];
extern const struct model_request model_vm_requests[];
extern const struct model_request model_vcpu_requests[];
extern const struct model_request model_tap_requests[];
extern const struct model_request model_vhost_requests[];

/* --- model.c --- */

/* The referee's whistle. */
_Noreturn void model_foul(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void model_lock(struct model *m);
void model_unlock(struct model *m);

/* Counts a fallible call. Returns its number, or 0 when it is to return *ret without doing
 * anything. */
unsigned long model_begin(struct model *m, const char *name, int *ret);

/* Room for one more element of an array of n, or the end of the test program. */
void *model_grow(void *array, size_t n, size_t element);

/* --- account.c; the model is locked --- */

struct model_fd *model_find_fd(struct model *m, int fd);
struct model_fd *model_add_fd(struct model *m, int fd, enum model_kind kind, void *object,
			      const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A real descriptor that stands for a KVM object: `size` bytes that can be mapped. */
int model_object_fd(struct model *m, enum model_kind kind, void *object, uint64_t size,
		    const char *name);
void model_remove_fd(struct model *m, struct model_fd *f);
struct model_map *model_find_map(struct model *m, const void *addr);
void model_add_map(struct model *m, void *addr, size_t len, uint64_t huge_pages, const char *name);
void model_remove_map(struct model *m, struct model_map *map);
void model_add_thread(struct model *m, pthread_t thread);
void model_remove_thread(struct model *m, pthread_t thread);

/* --- sys.c --- */
extern const struct sys_ops model_ops;

/* --- system.c --- */
void model_default_caps(struct model *m);
int model_get_cap(const struct model *m, unsigned long cap);

/* --- cpuid.c --- */
int model_supported_cpuid(struct kvm_cpuid2 *cpuid);

/* --- vm.c --- */
int model_vm_create(struct model *m, unsigned long type);
void model_vm_free(struct model_vm *vm);

/* --- memory.c --- */
int model_set_slot(struct model_vm *vm, const struct kvm_userspace_memory_region2 *r);
/* One of KVM's own slots. */
int model_own_slot(struct model_vm *vm, uint64_t gpa, uint64_t len);
int model_create_gmem(struct model_vm *vm, const struct kvm_create_guest_memfd *arg);
/* The program takes away [addr, addr + len), or a guest_memfd. A foul while a vCPU runs on it. */
void model_memory_unmapped(struct model *m, const void *addr, size_t len);
void model_gmem_closed(struct model_gmem *gmem);

/* --- net.c --- */

#define MODEL_TAP_PATH	 "/dev/net/tun"
#define MODEL_VHOST_PATH "/dev/vhost-net"
/* The object behind a descriptor of these; freed with free(). */
void *model_net_new(struct model *m, const char *path);

/* --- irq.c --- */
int model_create_irqchip(void *object, void *arg);
int model_create_pit2(void *object, void *arg);
int model_irq_line(void *object, void *arg);
int model_signal_msi(void *object, void *arg);
int model_set_gsi_routing(void *object, void *arg);
int model_irqfd(void *object, void *arg);
int model_ioeventfd(void *object, void *arg);

/* --- vcpu.c --- */
int model_vcpu_create(struct model_vm *vm, uint32_t id);
void model_vcpu_closed(struct model_vcpu *v);

/* --- run.c --- */
int model_run(void *object, void *arg);
/* Lets waiting vCPUs look again at what they wait for. */
void model_wake(struct model_vm *vm);

#endif
