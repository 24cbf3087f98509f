/* See pages.h. */
#include "rcptguard/base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define FROM_BYTES ((size_t)4 << 20)

/* Also of the pages that are its in part: a mapping that is advised in part is two for the kernel,
 * and mremap(2) takes one. */
void pages_large(void *memory, size_t bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)memory;
    uintptr_t first = begin / page * page, end = (begin + bytes + page - 1) / page * page;

    if (bytes >= FROM_BYTES)
        madvise((void *)first, end - first, MADV_HUGEPAGE);
}
