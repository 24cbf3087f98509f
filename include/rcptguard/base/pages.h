/* Large pages of memory. */
#ifndef RCPTGUARD_BASE_PAGES_H
#define RCPTGUARD_BASE_PAGES_H

#include <stddef.h>

/*
 * Asks for large pages (madvise(2), MADV_HUGEPAGE) behind memory of 4 MiB and more; of less it does
 * nothing, and neither where the system has none. A page costs when it is first touched, most of
 * all on a virtual machine: an index of a million entries, 43 MB, is built in a third of the time.
 * On such a machine a large page may take some ms the first time that it is used at all.
 */
void pages_large(void *memory, size_t bytes);

#endif
