/*
 * Where the history lies: STATE_DIR/history/LIST/NNNNNNNN, segments of whole blocks, the higher the
 * number the newer. The secret of the hashes is `.secret` beside the lists, whose names never
 * begin with a dot. Several threads may read while one writes, adds and removes.
 */
#ifndef RECORD_HISTORY_FILES_H
#define RECORD_HISTORY_FILES_H

#include <stdint.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/hash.h"
#include "rcptguard/blocklist.h"

#define HISTORY_SEGMENT_MAX ((size_t)4 << 20) /* none is longer: read in one go */

struct history_file {
    char list[BLOCKLIST_NAME_MAX];
    uint32_t number;
};

/* All segments under DIR, by list and number; to be freed. Negative: no memory, or DIR cannot be
 * read. */
int history_files(const char *dir, struct history_file **files, size_t *n, struct error *why);

/* "DIR/LIST/NNNNNNNN" into a path of PATH_MAX; false: too long. NUMBER 0: the list's directory. */
bool history_path(const char *dir, const char *list, uint32_t number, char *path);

/* Can a list of this name have a directory? */
bool history_name_is_good(const char *list);

/*
 * The secret under DIR; made when there is none. Segments of another secret could never be read:
 * they are removed, with a warning.
 */
int history_secret(const char *dir, struct hash_secret *secret, struct error *why);

/* Puts DIR and the SECRET in use back where somebody took them away. */
int history_keep_secret(const char *dir, const struct hash_secret *secret, struct error *why);

#endif
