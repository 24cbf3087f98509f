/* Memory for the big arrays: mapped when large, from the heap when small. */
#include "region.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rcptguard/base/clock.h"
#include "rcptguard/base/pages.h"

#define SPARES 4 /* two indexes: each an arena and a table */

/* Closed ones, in the order of their closing. */
static struct {
    pthread_mutex_t lock;
    struct spare {
        struct region region;
        int64_t closed_ms;
    } at[SPARES];
    size_t n;
} spares = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_mapped(const struct region *r)
{
    return r->bytes >= REGION_MAP_BYTES;
}

/* The lock is held. */
static struct region take_out(size_t i)
{
    struct region region = spares.at[i].region;

    spares.n--;
    memmove(&spares.at[i], &spares.at[i + 1], (spares.n - i) * sizeof spares.at[0]);
    return region;
}

static size_t smallest(void)
{
    size_t at = 0;

    for (size_t i = 1; i < spares.n; i++)
        if (spares.at[i].region.bytes < spares.at[at].region.bytes)
            at = i;
    return at;
}

/* Of too many the smallest goes. */
static void keep(const struct region *r)
{
    struct region over = {NULL, 0};

    pthread_mutex_lock(&spares.lock);
    if (spares.n == SPARES && spares.at[smallest()].region.bytes > r->bytes) {
        over = *r;
    } else {
        if (spares.n == SPARES)
            over = take_out(smallest());
        spares.at[spares.n++] = (struct spare){*r, clock_mono_ms()};
    }
    pthread_mutex_unlock(&spares.lock);
    if (over.base != NULL)
        munmap(over.base, over.bytes);
}

static void unmap(const struct region *regions, size_t n)
{
    for (size_t i = 0; i < n; i++)
        munmap(regions[i].base, regions[i].bytes);
}

/*
 * The smallest of LEAST to MOST bytes. Without one those that are smaller go back: beside what is
 * mapped now they would make the peak higher than it was.
 */
static bool take(struct region *r, size_t least, size_t most)
{
    struct region too_small[SPARES];
    size_t best = SPARES, n = 0;

    pthread_mutex_lock(&spares.lock);
    for (size_t i = 0; i < spares.n; i++) {
        size_t bytes = spares.at[i].region.bytes;
        if (bytes >= least && bytes <= most &&
            (best == SPARES || bytes < spares.at[best].region.bytes))
            best = i;
    }
    if (best < SPARES)
        *r = take_out(best);
    for (size_t i = spares.n; best == SPARES && i-- > 0;)
        if (spares.at[i].region.bytes < least)
            too_small[n++] = take_out(i);
    pthread_mutex_unlock(&spares.lock);
    unmap(too_small, n);
    return best < SPARES;
}

int region_trim(int64_t mono_ms)
{
    struct region old[SPARES];
    size_t n = 0;

    pthread_mutex_lock(&spares.lock);
    while (spares.n > 0 && mono_ms - spares.at[0].closed_ms >= REGION_KEEP_MS)
        old[n++] = take_out(0);
    int64_t left = spares.n == 0 ? -1 : spares.at[0].closed_ms + REGION_KEEP_MS - mono_ms;
    pthread_mutex_unlock(&spares.lock);
    unmap(old, n);
    return (int)left;
}

/* What is only kept must not be what is missing: then all of it goes, and once more. */
static void *map(size_t bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED && region_trim(INT64_MAX) < 0)
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return base;
}

static void *remap(const struct region *r, size_t bytes)
{
    void *base = mremap(r->base, r->bytes, bytes, MREMAP_MAYMOVE);

    if (base == MAP_FAILED && region_trim(INT64_MAX) < 0)
        base = mremap(r->base, r->bytes, bytes, MREMAP_MAYMOVE);
    return base;
}

bool region_open(struct region *r, size_t bytes)
{
    void *base;

    *r = (struct region){NULL, 0};
    if (bytes >= REGION_MAP_BYTES) {
        if (take(r, bytes, bytes + bytes / 2) && region_resize(r, bytes))
            return true;
        if (r->base != NULL)
            munmap(r->base, r->bytes);
        *r = (struct region){NULL, 0};
        base = map(bytes);
        if (base == MAP_FAILED)
            return false;
        pages_large(base, bytes);
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
        base = remap(r, bytes);
        if (base == MAP_FAILED)
            return false;
        pages_large(base, bytes);
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

bool region_expect(struct region *r, size_t bytes)
{
    struct region kept;
    size_t least = bytes - bytes / 8;

    if (bytes < REGION_MAP_BYTES ||
        !take(&kept, least > r->bytes ? least : r->bytes + 1, bytes * 2))
        return region_resize(r, bytes);
    memcpy(kept.base, r->base, r->bytes);
    region_close(r);
    *r = kept;
    return true;
}

void region_close(struct region *r)
{
    if (is_mapped(r))
        keep(r);
    else
        free(r->base);
    *r = (struct region){NULL, 0};
}
