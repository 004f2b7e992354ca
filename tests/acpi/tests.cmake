# SPDX-License-Identifier: MIT
# The ACPI tables, judged by ACPICA's own compiler: CPUs, interrupt of the serial port, virtio devices.

add_executable(acpi_dump acpi/dump.c)
target_link_libraries(acpi_dump PRIVATE minivmm_static)

foreach(case "1 4 1" "1 0 0" "2 4 32" "255 4 1" "256 4 0" "300 0 32" "4096 4 32")
	string(REPLACE " " "-" name ${case})
	separate_arguments(arguments UNIX_COMMAND ${case})
	add_test(NAME acpi/iasl-${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/iasl.sh
		$<TARGET_FILE:acpi_dump> ${arguments})
	set_tests_properties(acpi/iasl-${name} PROPERTIES TIMEOUT 400 SKIP_RETURN_CODE 77)
endforeach()

add_test(NAME acpi/dsdt COMMAND ${CMAKE_CURRENT_LIST_DIR}/dsdt.sh ${PROJECT_SOURCE_DIR})
set_tests_properties(acpi/dsdt PROPERTIES SKIP_RETURN_CODE 77)
