/*
 * Lines kept in numbered files of one directory, as many as fit: what a person may ask for later.
 *
 * A record is a line of text behind its checksum. So a damaged record ends where the next line
 * begins and hides nothing behind it, bytes from outside cannot pass for a record (they hold no
 * line end), and what is left after a disaster can be read by `less`.
 *
 * What survives: what was appended before a kill -9 is whole or, the last batch, cut at some byte;
 * journal_open cuts a torn end away. Nothing is fsynced, for the disk is the one that Postfix
 * fsyncs its queue to: when the machine crashes the last seconds (as the kernel writes back, some
 * 30) are lost or are garbage, which is cut away or passed over.
 *
 * One thread at a time; never the loop after start.
 */
#ifndef RCPTGUARD_RECORD_JOURNAL_H
#define RCPTGUARD_RECORD_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

struct journal;

struct journal_config {
    const char *dir;        /* copied; its parent must be there */
    const char *subject;    /* of warnings; borrowed as long as the journal is */
    uint64_t segment_bytes; /* a file; the oldest goes as a whole */
    uint64_t max_bytes;     /* all files; at least two segments */
    int64_t keep_s;         /* no record is kept longer; one of 15/16 of it may be gone */
};

/* Makes the directory, finds what is there, cuts a damaged end (warns). NULL with *why. */
struct journal *journal_open(const struct journal_config *config, struct error *why);
void journal_close(struct journal *j); /* NULL is fine */

/* Adds LINE as a record to a batch. ERR_REFUSED: it holds a line end; ERR_NOMEM or ERR_LIMIT: of
 * the batch, which is as before. */
int journal_frame(struct buf *batch, struct view line);
#define JOURNAL_FRAME_BYTES 18 /* what is added to the line's own length */

/*
 * Appends a batch of frames; drops what is too old or too much. On error nothing of the batch is
 * kept, and the next one may succeed.
 */
int journal_append(struct journal *j, struct view batch, int64_t now, struct error *why);

/* The newest segment with a number below BEFORE; 0: none. From UINT64_MAX down to the oldest,
 * whatever is appended or dropped meanwhile. */
uint64_t journal_segment_before(const struct journal *j, uint64_t before);

typedef void journal_visit(struct view line, void *arg);

/* Visits all good records of a segment, the oldest first; what is damaged is passed over.
 * ERR_ABSENT when it was dropped meanwhile. */
int journal_read(const struct journal *j, uint64_t segment, journal_visit *visit, void *arg,
                 struct error *why);

/* The same for bytes in memory. Returns where the last good record ends. VISIT may be NULL. */
size_t journal_records(struct view bytes, journal_visit *visit, void *arg);

#endif
