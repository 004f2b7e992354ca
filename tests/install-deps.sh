#!/bin/bash
# SPDX-License-Identifier: MIT
# Install the Debian packages for some purposes, where any is missing.
#
#   install-deps.sh PURPOSE...
#
#   build    compile minivmm
#   rig      QEMU as a machine with KVM, and what test guests are made of
#   kernel   build the rig's own kernel
#   test     everything else that the tests use
set -euo pipefail

packages() { # packages PURPOSE
	case $1 in
	build)
		echo gcc libc6-dev cmake ninja-build pkg-config check python3
		echo zlib1g-dev libfdt-dev nettle-dev libgnutls28-dev libzstd-dev
		;;
	rig) echo qemu-system-x86 busybox-static cpio gzip xz-utils iproute2 passt zstd mmdebstrap e2fsprogs ;;
	kernel)
		echo gcc make binutils flex bison bc perl patch tar xz-utils gzip diffutils
		echo libelf-dev linux-source-6.12
		;;
	test)
		echo clang-14 clang-format-14 libclang-rt-14-dev procps acpica-tools device-tree-compiler openssl ovmf
		echo golang-github-burntsushi-toml-dev
		;;
	*)
		echo "$0: unknown purpose: $1" >&2
		return 1
		;;
	esac
}

installed() { # installed PACKAGE
	dpkg-query -W -f '${Status}\n' "$1" 2> /dev/null | grep -q '^install ok installed$'
}

as_root() { # as_root COMMAND...
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

install_packages() { # install_packages PACKAGE...
	echo "installing: $*"
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends "$@"
}

# The kernel's headers of the 6.12 series, which the UAPI declarations are held against. The
# package's name has the version in it.
install_headers() {
	local newest

	if compgen -G '/usr/src/linux-headers-6.12.*-common' > /dev/null; then
		return
	fi
	newest=$(apt-cache --names-only search '^linux-headers-6\.12\..*-common$' |
		cut -d ' ' -f 1 | sort -V | tail -n 1)
	[ -z "$newest" ] || install_packages "$newest"
}

[ $# -gt 0 ] || { sed -n '3,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
missing=()
for purpose in "$@"; do
	list=$(packages "$purpose")
	for package in $list; do
		installed "$package" || missing+=("$package")
	done
done
# an empty list of packages, as in a new container, would also keep Debian's kernel from us
if [ "${#missing[@]}" -gt 0 ] || ! apt-cache show linux-source-6.12 > /dev/null 2>&1; then
	as_root apt-get -q update
fi
[ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
case " $* " in
*" test "*) install_headers ;;
esac
