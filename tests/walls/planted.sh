#!/bin/sh
# SPDX-License-Identifier: MIT
# Proves that walls.sh sees: plants one breach after the other into a tree that has none, and expects
# it to be named; and some things that only look like a breach, which must pass.
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/vmm/base" "$tree/vmm/kvm" "$tree/vmm/cli" "$tree/vmm/dev" "$tree/vmm/config"
mkdir "$tree/vmm/virtio" "$tree/vmm/x86" "$tree/vmm/machine" "$tree/vmm/report" "$tree/vmm/id_block"
mkdir "$tree/mem" "$tree/boot" "$tree/cc"
failed=0

# planted FILE LINE...: a file with these lines has to be reported at the last of them
planted() {
	file=$1
	shift
	printf '%s\n' "$@" >"$tree/$file"
	if "$tests/walls.sh" "$tree" >"$tree/log"; then
		echo "FAILED: not seen in $file: $*"
		failed=1
	elif ! grep -q "^$file:$#: " "$tree/log"; then
		echo "FAILED: $file: $*: another place was named:"
		cat "$tree/log"
		failed=1
	fi
	rm "$tree/$file"
}

# harmless FILE LINE...: and this has to pass
harmless() {
	file=$1
	shift
	printf '%s\n' "$@" >"$tree/$file"
	"$tests/walls.sh" "$tree" >"$tree/log" || {
		echo "FAILED: harmless, in $file: $*"
		cat "$tree/log"
		failed=1
	}
	rm "$tree/$file"
}

planted vmm/base/planted.c '#include "vmm/kvm/kvm.h"'
planted vmm/kvm/planted.c '#include "vmm/base/log.h"' '#include "mem/mem.h"'
planted mem/planted.c '#include "boot/boot.h"'
planted mem/planted.c '#include "cc/launch.h"'
planted mem/planted.c '#include "vmm/machine/machine.h"'
planted boot/planted.c '#include "cc/launch.h"'
planted boot/planted.c '#include "vmm/kvm/kvm.h"'
planted boot/planted.h '#  include  "vmm/config/config.h"'
planted boot/planted.c '#include "../cc/launch.h"'
planted boot/planted.c '/* over' 'lines */ #include "cc/launch.h" // here'
planted boot/planted.c '#include <linux/kvm.h>'
planted cc/planted.c '#include "boot/boot.h"'
planted cc/planted.c '#include "vmm/machine/machine.h"'
planted vmm/cli/planted.c '#include "vmm/minivmm.h"' '#include "vmm/base/error.h"'
planted vmm/cli/planted.c '#include "vmm/config/config.h"'
planted vmm/cli/planted.c '#include "vmm/minivmm.h.h"'
planted vmm/config/planted.c '#include "vmm/machine/machine.h"'
planted vmm/dev/planted.c '#include "vmm/machine/machine.h"'
planted vmm/dev/planted.h '#include "vmm/config/config.h"'
planted vmm/virtio/planted.c '#include "vmm/machine/machine.h"'
planted vmm/x86/planted.c '#include "boot/boot.h"'
planted vmm/machine/planted.c '#include "vmm/report/report.h"'
planted vmm/report/planted.c '#include "vmm/cli/cli.h"'
planted vmm/id_block/planted.c '#include "vmm/machine/machine.h"'
planted vmm/planted.c '#include "vmm/base/error.h"'
planted vmm/minivmm.h '#include "vmm/machine/machine.h"'
planted vmm/planted.c 'int f(void)' '{' '	return ioctl(3, 4);'
planted vmm/dev/planted.c 'p = mmap(0, 1, 2, 3, 4, 5);'
planted mem/planted.c 'fd = open(path, O_RDONLY);'
planted mem/planted.c '	munmap (p, 1);'
planted boot/planted.c 'if (pread(fd, buf, 1, 0) != 1)'
planted vmm/kvm/planted.c 'fd=ioctl(fd, KVM_CREATE_VM, 0);'
planted boot/planted.c 'f = fopen(path, "r");'
planted boot/planted.c 'n = fread(buf, 1, len, f);'
planted boot/planted.c 'if (stat(path, &st) < 0)'
planted mem/planted.c 'sys->ops->close(1); fcntl(fd, F_SETFD, 1);'
planted cc/planted.c 'lib = dlopen("libcrypto.so", 1);'
planted cc/planted.c 'n = process_vm_readv(pid, &to, 1, &from, 1, 0);'
planted vmm/planted.c 'lib = dlopen(name, 1);'
planted vmm/planted.c 'puts("done");'
planted vmm/planted.c 'if (bad)' '	exit(1);'
planted vmm/dev/planted.c 'fcntl(fd, F_SETFL, 0);'
planted vmm/config/planted.c 'f = fopen(path, "r");'
planted vmm/cli/planted.c 'f = popen("ls", "r");'

harmless boot/planted.c '/* #include "cc/launch.h"' ' * ioctl(3)' ' */ // open(x)'
harmless mem/planted.c 'ret = sys->ops->mmap(sys->ctx, 1);' 'ops.ioctl(1);' 'file_open(1);'
harmless mem/planted.c 'return error("unable to mmap() \"it\", open(1)");'
harmless boot/planted.c '#include "mem/plan.h"' '#include "vmm/base/bytes.h"' '#include <libfdt.h>'
harmless cc/planted.c '#include "vmm/kvm/kvm.h"' '#include <linux/kvm.h>'
harmless vmm/base/planted.h '#include "vmm/minivmm.h"'
harmless vmm/base/sys.c 'return ioctl(fd, request, arg) < 0 ? -errno : 0;'
harmless vmm/machine/planted.c '#include "cc/launch.h"' '#include "boot/boot.h"' 'fd = open(path, 0);'
harmless vmm/dev/planted.c '#include "mem/layout.h"' 'n = read(fd, buf, 1);'
harmless vmm/virtio/planted.c '#include "vmm/config/config.h"' '#include "mem/mem.h"'
harmless vmm/base/loop.c 'n = epoll_wait(fd, e, 1, -1);'
harmless vmm/cli/planted.c '#include "vmm/cli/tty.h"' '#include "vmm/base/words.h"'
harmless vmm/cli/planted.c 'printf("%d", 1); exit(0);'
harmless boot/codec.c 'lib = dlopen(name, RTLD_NOW);'
harmless mem/planted.c 'snprintf(text, 4, "stat(1)"); text_fopen(1); s->stat(2); fd_close(3);'

[ "$failed" -eq 0 ] && echo "every planted breach was seen"
exit "$failed"
