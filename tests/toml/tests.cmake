# SPDX-License-Identifier: MIT
# The TOML parser against a corpus that others wrote: the toml-test documents that come with Debian's
# golang-github-burntsushi-toml-dev.

add_executable(toml-decoder toml/toml-decoder.c)
target_link_libraries(toml-decoder PRIVATE minivmm_static)

find_program(PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(PYTHON3)
	add_test(NAME toml/corpus COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/toml/corpus.py
		$<TARGET_FILE:toml-decoder>)
else()
	add_test(NAME toml/corpus COMMAND sh -c "echo 'SKIP: python3 is not installed'; exit 77")
endif()
set_tests_properties(toml/corpus PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
