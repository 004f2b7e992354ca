# SPDX-License-Identifier: MIT
# Confidential VMs that cannot be had are refused in a sentence, and nothing is started instead.
. "$SUITE/../lib-cc.sh"

refused() { # refused PATTERN [STATUS]
	minivmm run "$T/config.toml"
	expect_status "${2:-1}"
	expect_stderr "$1"
	[ ! -s "$T/stdout" ] || fail "something was started"
}

test_memory_mode_that_the_host_lacks() {
	local tech

	for tech in snp tdx sw-protected; do
		dialect split
		cc_guest "$tech" 1 "test=bytes" 'memory-mode = "in-place"'
		refused "in-place"
		dialect in-place-only
		cc_guest "$tech" 1 "test=bytes" 'memory-mode = "split"'
		refused "split"
		dialect flags0
		cc_guest "$tech" 1 "test=bytes" 'memory-mode = "shared"'
		refused "config\.toml:5:1: .*private memory" 2
	done
}

test_auto_is_snp_where_both_are() {
	local pid launched

	dialect flags0
	cc_guest auto 1 "test=bytes"
	start run "$T/config.toml"
	pid=$vmm
	finish 120
	expect_well bytes
	launched=$(dmesg | grep "softcc: .* vm pid=$pid launch measurement")
	[[ $launched == *"softcc: snp vm"* ]] || fail "launched: $launched"
	minivmm measure "$T/config.toml"
	[ "$status" -ne 0 ] || fail "measured, although nobody knows for what"
	expect_stderr "auto"
}

test_td_needs_firmware() {
	dialect flags0
	cc_guest snp 1 "test=bytes"
	sed -i -e 's/^cc = .*/cc = "tdx"/' "$T/config.toml"
	refused "a TD starts in firmware, and boot\.firmware names none"
}

test_td_of_more_vcpus_than_the_host() {
	dialect flags0
	cc_guest tdx 64 "test=bytes"
	refused "vcpus = 64: .* at most"
}

# A policy that asks for newer firmware than there is.
test_snp_policy_is_refused_by_firmware() {
	dialect flags0
	cc_guest snp 1 "test=bytes"
	echo "policy = 0x3ffff" >> "$T/config.toml"
	refused "POLICY_FAILURE"
}

test_tdx_attribute_that_the_host_lacks() {
	dialect flags0
	cc_guest tdx 1 "test=bytes"
	printf '[tdx]\nattributes = 0x50000000\n' >> "$T/config.toml"
	refused "0x40000000"
}

# A signed guest starts; the same signature for another guest does not.
test_snp_id_block() {
	local tool

	tool=$(dirname "$MINIVMM")/vmm/id_block/minivmm-id-block
	[ -x "$tool" ] || skip "minivmm-id-block was not built"
	dialect flags0
	cc_guest snp 2 "test=bytes"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$T/id.pem" 2>&1
	"$tool" "$T/config.toml" --key "$T/id.pem" --out "$T"
	printf 'id-block = "id-block.bin"\nid-auth = "id-auth.bin"\n' >> "$T/config.toml"
	run_measured snp
	expect_well bytes

	sed -i 's/test=bytes/test=calls/' "$T/config.toml"
	refused "id-block"
}
