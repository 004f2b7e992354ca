# SPDX-License-Identifier: MIT
# Confidential guests that misbehave, and hosts that do not oblige.
. "$SUITE/../lib-cc.sh"

# Requests for impossible conversions are answered, and the guest goes on.
test_impossible_conversions_are_refused() {
	local tech name

	for name in flags0 split; do
		dialect "$name"
		for tech in snp tdx sw-protected; do
			cc_guest "$tech" 1 "test=calls"
			minivmm run "$T/config.toml"
			expect_well calls
			expect_stderr "warning: .* refused: .*0xc0000000"
		done
	done
}

# The guest has said that it is ready: lets no page become private any more, and lets it go on.
when_ready_then_eagain_for_ever() {
	mkfifo "$T/keys"
	exec 9<>"$T/keys"
	[ ! -e "$T/words" ] || cat "$T/words" >&9
	input=$T/keys start run "$T/config.toml"
	wait_for "^GUEST ready$"
	echo 1 > "$kvm_parameters/softcc_eagain_every"
	echo >&9
	finish 120
	exec 9>&-
	rm "$T/keys"
}

test_page_in_use_is_eagain_to_the_guest() {
	local tech

	for tech in snp tdx sw-protected; do
		dialect flags0
		cc_guest "$tech" 1 "test=eagain"
		when_ready_then_eagain_for_ever
		expect_well eagain
		expect_stderr "unable to make 0x1000000\+0x1000 \(low RAM\) private: .*EAGAIN"
	done
}

# An access that KVM never lets through ends the VM, not the host's patience.
test_no_progress_exits_3() {
	dialect flags0
	cc_guest snp 1 "test=stuck"
	when_ready_then_eagain_for_ever
	expect_status 3
	expect_stderr "private access to guest address 0x1000000 \(low RAM\): .*no progress"
	! grep -q FAIL "$T/stdout" || fail "the guest got through"
}

crashes() { # crashes TEST PATTERN: in all kinds of VM
	local tech

	dialect flags0
	for tech in snp tdx sw-protected; do
		cc_guest "$tech" 1 "test=$1"
		minivmm run "$T/config.toml"
		expect_status 3
		expect_stderr "$2"
		! grep -q FAIL "$T/stdout" || fail "the guest goes on"
	done
}

test_private_access_to_a_hole_exits_3() {
	crashes hole "private access to guest address 0xc0000000 \(no memory\)"
}

test_triple_fault_exits_3() { crashes triple "triple fault on vCPU 0"; }

# Debian 12's OVMF maps the local APIC as private memory.
test_firmware_that_takes_the_apic_for_memory_is_named() {
	strict_guests
	[ "$(dpkg-query -Wf '${Version}' ovmf 2> /dev/null)" ] || skip "needs Debian's package ovmf"
	dpkg --compare-versions "$(dpkg-query -Wf '${Version}' ovmf)" lt 2023 || skip "this ovmf is newer"
	printf '[machine]\ncc = "snp"\nmemory = "256M"\n[boot]\nfirmware = "/usr/share/ovmf/OVMF.fd"\n' \
		> "$T/config.toml"
	minivmm run "$T/config.toml"
	expect_status 3
	expect_stderr "private access to guest address 0xfee00.* the local APIC is there.* old firmware"
}
