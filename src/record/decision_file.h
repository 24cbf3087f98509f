/*
 * The file of the log of decisions: opened so that neither a FIFO that nobody reads nor what else
 * may lie there holds anybody up. Blocks as long as the disk does. One thread.
 */
#ifndef RECORD_DECISION_FILE_H
#define RECORD_DECISION_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Beside the numbers of errno: what is there is a directory, a device, a socket. */
#define DECISION_FILE_ODD (-1)

struct decision_file {
    int fd; /* -1: not open */
    dev_t dev;
    ino_t ino;
};

/*
 * Opens PATH to append, made with mode 0640 when it is missing. A regular file that ends within a
 * line (the disk was full, the machine crashed) gets a line end first. 0, or what is wrong: a
 * number of errno (ENXIO: a FIFO that nobody reads; ELOOP: a symbolic link) or DECISION_FILE_ODD.
 */
int decision_file_open(struct decision_file *f, const char *path);

/* Is it still what PATH names? Else it was renamed or removed. */
bool decision_file_is_at(const struct decision_file *f, const char *path);

/* Writes some of BYTES, all where it can: how much, or -1 with errno (EAGAIN: a FIFO is full). */
ssize_t decision_file_write(struct decision_file *f, const char *bytes, size_t len);

void decision_file_close(struct decision_file *f); /* also when it is not open */

/* What is wrong in words, with the remedy; constant. */
const char *decision_file_problem(int problem);

#endif
