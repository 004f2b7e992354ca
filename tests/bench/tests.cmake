# SPDX-License-Identifier: MIT
# Programs of the benchmark, which bench/run starts; see bench/README.md. The benchmark is no test;
# that it works, is: one round of the parts that need no rig.

if(FUZZ OR NOT TARGET minivmm OR NOT TARGET mock)
	return()
endif()

set(bench ${CMAKE_CURRENT_LIST_DIR})
add_executable(bench-start bench/start.c)
target_link_libraries(bench-start PRIVATE mock)
add_executable(bench-hash bench/hash.c)
target_link_libraries(bench-hash PRIVATE minivmm_static)

# The watcher runs beside the VMM and the guest program inside a VM: no sanitizers and the like.
function(bench_program name)
	add_executable(${name} ${ARGN})
	target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
	target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
	target_compile_options(${name} PRIVATE -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow
		-Wvla -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wformat=2 -Werror)
endfunction()
bench_program(bench-watch bench/watch.c bench/watch_vmm.c bench/watch_trap.c bench/watch_disk.c
	bench/watch_end.c)
bench_program(bench-guest bench/guest.c)
set_target_properties(bench-guest PROPERTIES POSITION_INDEPENDENT_CODE OFF)
target_compile_options(bench-guest PRIVATE -fno-stack-protector -fcf-protection=none)
target_link_options(bench-guest PRIVATE -static -nostdlib -no-pie -s)

add_test(NAME bench/smoke COMMAND ${bench}/run --smoke ${CMAKE_BINARY_DIR})
set_tests_properties(bench/smoke PROPERTIES TIMEOUT 400)
