# SPDX-License-Identifier: MIT
# Firmware images. In confidential VMs, on the rig's software model: what the kernel measured is what
# `minivmm measure` says. The images of the vectors boot nothing, and an OVMF gets as far as its
# first instruction that only real hardware has, so a VM is ended as soon as it has been launched.
# In plain VMs Debian's OVMF starts Debian's kernel.

vectors=$(dirname "${BASH_SOURCE[0]}")/../../vectors

need_softcc() {
	[ -e /sys/module/kvm_amd/parameters/softcc ] || skip "needs the rig's kernel"
	[ -r /dev/kmsg ] || skip "needs the kernel's log"
}

need_ovmf() {
	[ -e /usr/share/ovmf/OVMF.fd ] || skip "needs Debian's package ovmf"
}

# Writes $T/config.toml; [boot] is the last section.
firmware() { # firmware snp|tdx VCPUS MODE IMAGE
	{
		printf '[snp]\ncbit = 0\n'
		printf '[machine]\ncc = "%s"\nvcpus = %s\nmemory = "64M"\n' "$1" "$2"
		printf 'memory-mode = "%s"\n' "$3"
		printf '[boot]\nfirmware = "%s"\n' "$4"
	} > "$T/config.toml"
}

# What the kernel has measured for the process $vmm; nothing yet, nothing printed.
measured() {
	dmesg | sed -n "s/.*softcc: .* vm pid=$vmm launch measurement //p"
}

launch_measures_as_predicted() {
	local predicted deadline=$((SECONDS + 60))

	minivmm measure "$T/config.toml"
	expect_status 0
	predicted=$(cat "$T/stdout")
	start run "$T/config.toml"
	until [ -n "$(measured)" ]; do
		[ "$SECONDS" -lt "$deadline" ] || fail "nothing was measured"
		kill -0 "$vmm" 2>/dev/null || [ -n "$(measured)" ] || fail "the launch failed"
		sleep 0.1
	done
	[ "$(measured)" = "$predicted" ] || fail "predicted $predicted, measured $(measured)"
	kill -KILL "$vmm" 2>/dev/null || true
}

test_snp_image_measures_as_predicted() {
	need_softcc
	firmware snp 2 auto "$vectors/snp-a.fd"
	launch_measures_as_predicted
}

test_snp_image_with_kernel_hashes_measures_as_predicted() {
	need_softcc
	firmware snp 1 split "$vectors/snp-a.fd"
	echo "kernel bytes" > "$T/kernel"
	printf 'kernel = "kernel"\ncmdline = "a b"\n' >> "$T/config.toml"
	launch_measures_as_predicted
}

test_snp_ovmf_measures_as_predicted() {
	need_softcc
	need_ovmf
	firmware snp 2 auto /usr/share/ovmf/OVMF.fd
	launch_measures_as_predicted
}

test_tdx_image_measures_as_predicted() {
	need_softcc
	firmware tdx 1 auto "$vectors/tdvf-a.fd"
	launch_measures_as_predicted
}

test_tdx_image_in_split_memory_measures_as_predicted() {
	need_softcc
	firmware tdx 2 split "$vectors/tdvf-a.fd"
	launch_measures_as_predicted
}

test_tdx_ovmf_measures_as_predicted() {
	need_softcc
	need_ovmf
	firmware tdx 2 auto /usr/share/ovmf/OVMF.fd
	launch_measures_as_predicted
}

test_tdx_without_firmware_is_refused() {
	guest rig-bzimage 1 128M poweroff 'cc = "tdx"'
	minivmm run "$T/config.toml"
	expect_status 1
	expect_stderr_lines 1
	expect_stderr "a TD starts in firmware"
}

# How far an unmodified OVMF gets in a VM whose memory is private: the model has neither PVALIDATE nor
# a TD's accepting of pages, and says in CPUID that there is no confidential computing. OVMF runs
# through its reset vector, and asks fw_cfg by its ports. Its first request in memory, which for lack
# of that it does not share with the host, is dropped as it has to be, and it waits for ever.
ovmf_runs_up_to_its_first_request() { # … snp|tdx
	local deadline=$((SECONDS + 60))

	need_softcc
	need_ovmf
	firmware "$1" 1 auto /usr/share/ovmf/OVMF.fd
	printf '[log]\nlevel = "debug"\n' >> "$T/config.toml"
	start run "$T/config.toml"
	until grep -q 'the firmware runs and has found fw_cfg' "$T/stderr"; do
		[ "$SECONDS" -lt "$deadline" ] || fail "the firmware does not get to fw_cfg"
		kill -0 "$vmm" 2>/dev/null || fail "minivmm ended"
		sleep 0.1
	done
	kill -KILL "$vmm"
}

test_snp_ovmf_runs_to_fw_cfg() {
	ovmf_runs_up_to_its_first_request snp
}

test_tdx_ovmf_runs_to_fw_cfg() {
	ovmf_runs_up_to_its_first_request tdx
}

# --- to user space -------------------------------------------------------------------------------

# OVMF as Debian ships it finds its machine, takes ACPI tables, kernel and initrd from fw_cfg, and
# the kernel's EFI stub starts Linux.
boots_through_ovmf() { # boots_through_ovmf VCPUS MEMORY [FILE]
	local image=${3:-/usr/share/ovmf/OVMF.fd}

	need_ovmf
	guest debian-bzimage "$1" "$2" poweroff
	echo "firmware = \"$image\"" >> "$T/config.toml"
	printf '[log]\nlevel = "debug"\n' >> "$T/config.toml"
	minivmm run "$T/config.toml" --timings
	expect_status 0
	expect_stdout "GUEST hello from Linux"
	expect_stdout "GUEST cpus=$1 "
	grep '^timing: boot_done' "$T/stderr"
}

test_ovmf_boots_debian() {
	boots_through_ovmf 1 256M
}

# It maps with pages of 2 MiB whatever addresses the CPU has, of which the rig's has 52 bits.
test_ovmf_of_4_mib_boots_debian() {
	boots_through_ovmf 1 256M /usr/share/OVMF/OVMF_CODE_4M.fd
}
