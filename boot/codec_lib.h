/* SPDX-License-Identifier: MIT */
/*
 * A codec's library. A program that is linked dynamically opens it when a file needs it, and not
 * before: most kernels come uncompressed as far as the loader can see, and each library would cost
 * every VM start-up time and memory. A static program has them linked in.
 *
 * A codec lists the functions that it calls and keeps a pointer to each in its state:
 *
 *	#define FUNCTIONS(X) X(inflate) X(inflateEnd)
 *	struct { FUNCTIONS(CODEC_POINTER) } lib;
 *
 * FUNCTIONS(CODEC_BIND) sets them, in a function that has `library`, `state` and a bool `complete`,
 * which becomes false when the library lacks one.
 */
#ifndef BOOT_CODEC_LIB_H
#define BOOT_CODEC_LIB_H

#define CODEC_POINTER(function) __typeof__ (&function)(function);

#if CODECS_LINKED
#define CODEC_BIND(function) state->lib.function = function;
#else
#include <dlfcn.h>
/* POSIX dlsym(): a function's address comes as a pointer to void */
#define CODEC_BIND(function)                                        \
	*(void **)&state->lib.function = dlsym(library, #function); \
	complete = complete && state->lib.function;
#endif

#endif
