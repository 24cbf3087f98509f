/*
 * A list in several files: file:/srv/lists/X.txt with * ? or [ in it. All regular files that match,
 * in the order of their names, are one copy. Blocks: worker thread only.
 *
 * Watching: files appear, change and vanish, and inotify would have to follow every directory that
 * the pattern names. A mark (a digest of names, sizes and times) a second is cheap and works on NFS
 * too; a change counts when two marks in a row agree, so that half a file is not taken.
 */
#ifndef FEEDS_FILE_GLOB_H
#define FEEDS_FILE_GLOB_H

#include "../store/body.h"

#define FILE_GLOB_LOOK_MS 1000

/*
 * The matches of PATTERN as one body of at most MAX_BYTES; SPILL_PATH as for body_new. Between two
 * files a line end is put where one is missing. NULL with *why: ERR_ABSENT no file matches,
 * ERR_REFUSED a packed one among several, ERR_LIMIT, ERR_IO.
 */
struct body *file_glob_read(const char *pattern, const char *spill_path, uint64_t max_bytes,
                            struct error *why);

/* What matches PATTERN now; all zero: it cannot be told. */
void file_glob_mark(const char *pattern, unsigned char mark[SHA256_BYTES]);

/* The look that is due now and then. */
struct file_glob_watch {
    unsigned char taken[SHA256_BYTES]; /* when it was read */
    unsigned char seen[SHA256_BYTES];  /* at the last look */
    int64_t look_at_ms;                /* 0: at once */
};

/* True: what matches has changed since TAKEN, and stands still. TAKEN is that from now on. */
bool file_glob_changed(struct file_glob_watch *w, const char *pattern, int64_t mono_ms);

#endif
