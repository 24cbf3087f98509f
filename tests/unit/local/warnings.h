/* Warnings, kept for a test: they come on the disk thread, mostly. Included once by a test. */
#ifndef TEST_LOCAL_WARNINGS_H
#define TEST_LOCAL_WARNINGS_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "rcptguard/base/log.h"

static pthread_mutex_t warnings_lock = PTHREAD_MUTEX_INITIALIZER;
static char warnings[16384];

static void keep_warnings(enum log_level level, const char *line, void *arg)
{
    (void)arg;
    if (level > LOG_LEVEL_WARNING)
        return;
    pthread_mutex_lock(&warnings_lock);
    size_t len = strlen(warnings);
    snprintf(warnings + len, sizeof warnings - len, "%s\n", line);
    pthread_mutex_unlock(&warnings_lock);
}

/* What came since the last time. */
static const char *take_warnings(void)
{
    static char taken[sizeof warnings];

    pthread_mutex_lock(&warnings_lock);
    strcpy(taken, warnings);
    *warnings = '\0';
    pthread_mutex_unlock(&warnings_lock);
    return taken;
}

#endif
