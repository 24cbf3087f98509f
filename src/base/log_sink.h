/*
 * Where log lines end up: stderr, the syslog socket, the journal's socket. Nothing here blocks and
 * nothing here logs. Belongs to one thread at a time: the one that flushes.
 */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "rcptguard/base/log.h"

struct log_record {
    enum log_level level;
    int64_t time;       /* when it was logged, seconds since 1970 */
    struct view text;   /* with "warning: " and the like in front, no control bytes */
    struct view fields; /* for the journal: "NAME=value\n" each */
};

enum log_sink_result {
    LOG_SINK_DONE,
    LOG_SINK_BUSY, /* it takes nothing now: poll the descriptor for POLLOUT, come again */
    LOG_SINK_GONE, /* some cannot be written at all */
};

struct log_sink_done {
    unsigned n, lost; /* records that are done with, and how many of them were not written */
};

/* Of one write to stderr: what a pipe takes as a whole or not at all (PIPE_BUF), so that the lines
 * of others who write to it stand between ours. */
#define LOG_SINK_BYTES 4096

/*
 * Writes the first of N > 0 records to TARGET, or more of them; *DONE tells what became of them.
 * When TARGET is missing, to stderr, and looks for it again every five seconds. After LOG_SINK_BUSY
 * the same records come again, others may follow them (a stream may have taken a part of the
 * first).
 */
enum log_sink_result log_sink_write(enum log_target target, const struct log_record *records,
                                    unsigned n, struct log_sink_done *done, int *busy_fd);

/* Gives half-written lines up (they end before the next one begins) and closes what is open: the
 * target changed, or the log stops. */
void log_sink_close(void);

/* For tests: other sockets than /dev/log and the journal's; NULL: those. */
void log_sink_paths(const char *syslog, const char *journal);

#endif
