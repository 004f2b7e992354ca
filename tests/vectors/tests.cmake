# SPDX-License-Identifier: MIT
# The vectors as C headers, for the tests that hold minivmm against them.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/vectors)

function(add_vectors test name)
	set(json ${CMAKE_CURRENT_SOURCE_DIR}/vectors/${name}.json)
	set(header ${CMAKE_CURRENT_BINARY_DIR}/vectors/${name}.h)
	string(REPLACE - _ variable ${name})
	add_custom_command(OUTPUT ${header} VERBATIM
		COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/vectors/to_header.py
			${json} ${variable} > ${header}
		DEPENDS ${json} vectors/to_header.py)
	target_sources(${test} PRIVATE ${header})
	target_include_directories(${test} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/vectors)
endfunction()

add_vectors(test_vectors_snp snp-vectors)
add_vectors(test_vectors_snp snp-published)
add_vectors(test_vectors_tdx tdx-vectors)
if(TARGET test_id_block)
	add_vectors(test_id_block snp-vectors)
endif()
