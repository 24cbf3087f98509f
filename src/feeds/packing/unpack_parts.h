/* What the files of unpack share: the bytes in, the bytes out, and how each packing is read. */
#ifndef FEEDS_UNPACK_PARTS_H
#define FEEDS_UNPACK_PARTS_H

#include "unpack.h"
#include "unpack_zip.h"

enum packing { PACK_NONE, PACK_GZ, PACK_XZ, PACK_ZST, PACK_BZ2, PACK_ZIP };

struct unpacking {
    struct body_reader *reader;
    struct view first; /* what the packing was told by: still to be read */
    uint64_t in_bytes, out_bytes, max_bytes;
    char head[UNPACK_HEAD]; /* of what came out */
    size_t head_len;
    struct zip_outline *zip; /* NULL: none */
    body_chunk *chunk;
    void *arg;
};

/* The next packed bytes; none at the end. */
int unpacking_next(struct unpacking *u, struct view *packed, struct error *why);

/* Hands PLAIN over, within the caps. */
int unpacking_tell(struct unpacking *u, struct view plain, struct error *why);

int unpack_archive(struct unpacking *u, enum packing packing, struct error *why);

#endif
