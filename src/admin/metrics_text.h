/*
 * Writes a page in Prometheus' text format 0.0.4. Pure. Values of one metric follow its
 * metrics_open; labels are given in the order of the table, NULL where it has no more.
 */
#ifndef ADMIN_METRICS_TEXT_H
#define ADMIN_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics_table.h"
#include "rcptguard/base/histogram.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_page {
    char *bytes; /* from malloc; the caller's at the end */
    size_t len, size;
    bool failed;                 /* no memory: BYTES is not whole */
    const struct metric *metric; /* that is open, and how long its words are */
    size_t name_len, label_len[METRIC_LABELS];
};

/* SIZE: a guess at the length. */
void metrics_begin(struct metrics_page *page, size_t size);

void metrics_open(struct metrics_page *page, enum metric_id id);

void metrics_put(struct metrics_page *page, const char *first, const char *second, uint64_t value);
void metrics_put_histogram(struct metrics_page *page, const char *first, const struct histogram *h);
void metrics_put_summary(struct metrics_page *page, const char *first, uint64_t count, int64_t ns);

/* One without labels, opened as well. */
void metrics_one(struct metrics_page *page, enum metric_id id, uint64_t value);
void metrics_one_ns(struct metrics_page *page, enum metric_id id, int64_t ns);

/* The same member of many objects: where it is, and what it is. */
struct metrics_member {
    enum metric_id id;
    size_t at;
    enum { METRICS_U64, METRICS_I64, METRICS_UINT, METRICS_BOOL } type;
};

/* Puts that member of OBJECT; times before 1970 are put as 0. */
void metrics_put_member(struct metrics_page *page, const char *first, const char *second,
                        const struct metrics_member *member, const void *object);

#endif
