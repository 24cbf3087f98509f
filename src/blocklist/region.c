/* Memory for the big arrays: mapped when large, from the heap when small. */
#include "region.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool is_mapped(const struct region *r)
{
    return r->bytes >= REGION_MAP_BYTES;
}

bool region_open(struct region *r, size_t bytes)
{
    void *base;

    *r = (struct region){NULL, 0};
    if (bytes >= REGION_MAP_BYTES) {
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED)
            return false;
        /* Not MADV_HUGEPAGE: on a virtual machine the first touch of a fresh huge page took 4.3 ms
         * that nothing can interrupt (0.3 ms at most without), and look-ups were no faster. */
    } else {
        base = malloc(bytes == 0 ? 1 : bytes);
        if (base == NULL)
            return false;
    }
    *r = (struct region){base, bytes};
    return true;
}

bool region_resize(struct region *r, size_t bytes)
{
    void *base;

    if (is_mapped(r) && bytes >= REGION_MAP_BYTES) {
        base = mremap(r->base, r->bytes, bytes, MREMAP_MAYMOVE);
        if (base == MAP_FAILED)
            return false;
    } else if (!is_mapped(r) && bytes < REGION_MAP_BYTES) {
        base = realloc(r->base, bytes == 0 ? 1 : bytes);
        if (base == NULL)
            return false;
    } else {
        struct region fresh;
        if (!region_open(&fresh, bytes))
            return false;
        if (r->base != NULL)
            memcpy(fresh.base, r->base, bytes < r->bytes ? bytes : r->bytes);
        region_close(r);
        base = fresh.base;
    }
    *r = (struct region){base, bytes};
    return true;
}

void region_close(struct region *r)
{
    if (is_mapped(r))
        munmap(r->base, r->bytes);
    else
        free(r->base);
    *r = (struct region){NULL, 0};
}
