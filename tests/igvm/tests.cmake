# SPDX-License-Identifier: MIT
# IGVM files, made by a generator that shares nothing with the loader.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(igvm ${CMAKE_CURRENT_LIST_DIR})
set(igvm_files ${CMAKE_CURRENT_BINARY_DIR}/igvm)
file(MAKE_DIRECTORY ${igvm_files})
set(made ${igvm_files}/small.igvm ${igvm_files}/small-v2.igvm)
if(TARGET ccguest.elf)
	list(APPEND made ${igvm_files}/guest.igvm ${igvm_files}/guest-2.igvm)
	set(payload $<TARGET_FILE:ccguest.elf> $<TARGET_FILE:ccguest.fd>)
	set(payload_targets ccguest.elf ccguest.fd)
endif()
add_custom_command(OUTPUT ${made} ${igvm_files}/expected.json VERBATIM
	COMMAND ${Python3_EXECUTABLE} -B ${igvm}/make.py ${igvm_files} ${payload}
	DEPENDS ${igvm}/make.py ${igvm}/igvm.py ${payload_targets})
add_custom_target(igvm-files ALL DEPENDS ${made})
add_dependencies(unit-boot igvm-files)
add_dependencies(unit-machine igvm-files)
add_dependencies(unit-report igvm-files)

if(TARGET minivmm)
	add_test(NAME igvm/measure COMMAND ${Python3_EXECUTABLE} -B ${igvm}/check_measure.py)
	set_tests_properties(igvm/measure PROPERTIES TIMEOUT 400
		ENVIRONMENT "MINIVMM=$<TARGET_FILE:minivmm>;IGVM_FILES=${igvm_files}")
endif()
