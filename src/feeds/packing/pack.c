/* Gzip of a file, in bounded memory. */
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "rcptguard/base/breath.h"
#include "rcptguard/base/file.h"

#define PIECE_BYTES 16384
/* Lists pack to a third already here; the higher levels take ten times as long for a tenth less. */
#define LEVEL     1
#define GZIP      16 /* added to the window bits */
#define MEM_LEVEL 8  /* zlib's default */

struct packing_job {
    const char *from;
    const atomic_bool *stop;
    int fd;
    z_stream z;
    unsigned char in[PIECE_BYTES], out[PIECE_BYTES];
};

static int read_piece(struct packing_job *job, struct error *why)
{
    ssize_t n;

    do
        n = read(job->fd, job->in, sizeof job->in);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_errno(why, "cannot read %s", job->from);
    job->z.next_in = job->in;
    job->z.avail_in = (uInt)n;
    return 0;
}

/* Packs what was read; at the end of the file what zlib still keeps. */
static int pack_piece(struct packing_job *job, int flush, int fd, const char *name,
                      struct error *why)
{
    int rc;

    do {
        job->z.next_out = job->out;
        job->z.avail_out = sizeof job->out;
        deflate(&job->z, flush);
        rc = file_write_all(fd, name, job->out, sizeof job->out - job->z.avail_out, why);
        breath(sizeof job->out);
    } while (rc == 0 && job->z.avail_out == 0);
    return rc;
}

static int write_packed(int fd, const char *name, void *arg, struct error *why)
{
    struct packing_job *job = arg;
    bool ended = false;
    int rc = 0;

    while (rc == 0 && !ended && (rc = read_piece(job, why)) == 0) {
        if (job->stop != NULL && atomic_load_explicit(job->stop, memory_order_relaxed))
            return error_set(why, ERR_TIMEOUT, "stopped");
        ended = job->z.avail_in == 0;
        rc = pack_piece(job, ended ? Z_FINISH : Z_NO_FLUSH, fd, name, why);
    }
    return rc;
}

static int open_and_pack(struct packing_job *job, const char *to, struct error *why)
{
    job->fd = open(job->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (job->fd < 0)
        return error_errno(why, "cannot open %s", job->from);
    int rc = file_replace_by(to, 0640, write_packed, job, why);
    close(job->fd);
    return rc;
}

int pack_file(const char *from, const char *to, const atomic_bool *stop, struct error *why)
{
    struct packing_job *job = calloc(1, sizeof *job);

    if (job == NULL || deflateInit2(&job->z, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP, MEM_LEVEL,
                                    Z_DEFAULT_STRATEGY) != Z_OK) {
        free(job);
        return error_set(why, ERR_NOMEM, "no memory to pack %s", from);
    }
    job->from = from;
    job->stop = stop;
    int rc = open_and_pack(job, to, why);
    deflateEnd(&job->z);
    free(job);
    return rc;
}
