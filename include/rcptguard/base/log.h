/*
 * The log. log_* may be called by any thread and never blocks: a line goes into a bounded queue
 * and the disk thread writes it to its sink without blocking either; lines that do not fit are
 * dropped and counted, and the count is logged when there is room again. Before log_start (start
 * of the daemon, -t, the command) lines go to stderr at once, without a time in front.
 *
 * Lines are one line: callers escape what comes from outside (base/escape.h); the sink replaces
 * control bytes that are left by '?', as a last net.
 */
#ifndef RCPTGUARD_BASE_LOG_H
#define RCPTGUARD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

enum log_target { LOG_TARGET_AUTO, LOG_TARGET_JOURNAL, LOG_TARGET_SYSLOG, LOG_TARGET_STDERR };

#define LOG_LINE_BYTES   2048 /* longer lines are cut */
#define LOG_FIELDS_BYTES 4096 /* fields beyond that are left out */

/* "warning: aper: held: ..." : the subject names the room or the list. SUBJECT may be NULL. */
void log_error(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warning(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_notice(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A ready line without subject, at info: refusals. The journal gets FIELDS beside it ("NAME=value",
 * each with a line end, or ""); whoever has them in pieces asks log_takes_fields first, for
 * everywhere else they are thrown away.
 */
void log_line(struct view line, struct view fields);
bool log_takes_fields(void); /* is the target the journal? */

void log_set_level(enum log_level level);

/*
 * Where lines go from now on. auto: the journal when JOURNAL_STREAM says that stderr is it, else
 * stderr. Any thread, normally start and reload; sockets are opened by the disk thread. While a
 * sink is missing its lines go to stderr.
 */
void log_set_target(enum log_target target);

/* Lines dropped since the start. */
uint64_t log_dropped(void);

/* For tests: every line goes to SINK instead (NULL: back), as "warning: subject: words". Called on
 * the logging thread, under a lock. */
void log_set_sink(void (*sink)(enum log_level level, const char *line, void *arg), void *arg);

/* For the disk thread only: from log_start on lines are queued; log_flush writes what the sink
 * takes without blocking and returns the descriptor to poll for POLLOUT when some are left, or -1;
 * log_fd becomes readable when lines wait. log_stop writes what can be written within WAIT_MS. */
int log_start(struct error *why);
int log_fd(void);
int log_flush(void);
void log_stop(int wait_ms);

#endif
