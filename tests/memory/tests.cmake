# SPDX-License-Identifier: MIT
# memory-check works on a real KVM: rig/suite/memory.sh runs it in the rig.

if(NOT FUZZ)
	add_executable(memory-check ${CMAKE_CURRENT_LIST_DIR}/memory_check.c)
	target_link_libraries(memory-check PRIVATE minivmm_static)
endif()
