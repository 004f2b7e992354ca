# SPDX-License-Identifier: MIT
# The vectors as C headers, for the tests that hold minivmm against them.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/vectors)

# name...: files without .json, which suites of the room include as headers
function(add_vectors room)
	foreach(name ${ARGN})
		set(json ${CMAKE_CURRENT_SOURCE_DIR}/vectors/${name}.json)
		set(header ${CMAKE_CURRENT_BINARY_DIR}/vectors/${name}.h)
		string(REPLACE - _ variable ${name})
		add_custom_command(OUTPUT ${header} VERBATIM
			COMMAND ${Python3_EXECUTABLE}
				${CMAKE_CURRENT_SOURCE_DIR}/vectors/to_header.py
				${json} ${variable} > ${header}
			DEPENDS ${json} vectors/to_header.py)
		target_sources(unit-${room} PRIVATE ${header})
	endforeach()
	target_include_directories(unit-${room} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/vectors)
endfunction()

add_vectors(cc snp-vectors snp-published tdx-vectors)
if(TARGET unit-id_block)
	add_vectors(id_block snp-vectors)
endif()
