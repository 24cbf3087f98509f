/* Times counted into ranges. */
#include "rcptguard/base/histogram.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

const int64_t histogram_bounds_ns[HISTOGRAM_BOUNDS] = {
    10 * US, 25 * US, 50 * US, 100 * US, 250 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS,
    10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S,  2 * S,
};

/* From the shortest on: nearly all are there. */
void histogram_add(struct histogram *h, int64_t ns)
{
    unsigned i = 0;

    if (ns < 0)
        ns = 0;
    while (i < HISTOGRAM_BOUNDS && ns > histogram_bounds_ns[i])
        i++;
    h->counts[i]++;
    h->sum_ns += ns;
}
