# SPDX-License-Identifier: MIT
# The test guest of confidential VMs, in its two forms: an ELF kernel and a TD's firmware image. It
# runs without anything below it, so no sanitizer, no protection, no library.

if(FUZZ)
	return()
endif()
enable_language(ASM)

set(cc guests/cc)
set(cc_common ${cc}/convert.c ${cc}/cpus.c ${cc}/igvm.c ${cc}/io.c ${cc}/irq.c ${cc}/main.c ${cc}/memory.c
	${cc}/misbehave.c ${cc}/pattern.S ${cc}/trap.c ${cc}/virtio.c ${cc}/virtio_blk.c
	${cc}/virtio_net.c ${cc}/virtio_rng.c ${cc}/virtio_test.c ${cc}/virtio_vsock.c)
add_executable(ccguest.elf ${cc_common} ${cc}/boot_elf.c ${cc}/start.S)
add_executable(ccguest.fd ${cc_common} ${cc}/boot_td.c ${cc}/reset.S)
foreach(guest_and_script ccguest.elf:guest.ld ccguest.fd:td.ld)
	string(REPLACE ":" ";" pair ${guest_and_script})
	list(GET pair 0 guest)
	list(GET pair 1 script)
	set(script ${CMAKE_CURRENT_LIST_DIR}/cc/${script})
	target_include_directories(${guest} PRIVATE ${CMAKE_SOURCE_DIR})
	target_compile_options(${guest} PRIVATE -O2 -ffreestanding -fno-pic -mno-red-zone
		-mgeneral-regs-only -fno-stack-protector -fcf-protection=none
		-fno-asynchronous-unwind-tables
		$<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow;-Wvla;-Wstrict-prototypes;-Wmissing-prototypes;-Wcast-qual;-Werror>)
	target_link_options(${guest} PRIVATE -nostdlib -static -Wl,-T,${script}
		-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096)
	set_target_properties(${guest} PROPERTIES POSITION_INDEPENDENT_CODE OFF
		LINK_DEPENDS ${script})
endforeach()
target_link_options(ccguest.fd PRIVATE -Wl,--oformat=binary)
