/* A blocklist on disk: replaced whole, read whole into anonymous memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "rcptguard/base/file.h"

#define FILE_MODE      0640
#define READ_MAX_BYTES ((size_t)1 << 30) /* read(2) takes at most 2 GiB less a page */
#define FILE_MAX_BYTES                                                                             \
    (sizeof(struct image_head) + BLOCKLIST_MAX_LISTS * sizeof(struct blocklist_list) +             \
     ARENA_MAX_BYTES)

int blocklist_save(const struct blocklist *bl, const char *path, struct error *why)
{
    size_t head_bytes;
    struct image_head *head = image_head_new(bl, &head_bytes);

    if (head == NULL)
        return error_set(why, ERR_NOMEM, "no memory to save %s", path);
    const struct file_part parts[] = {
        {head, head_bytes},
        {bl->arena, bl->arena_len},
    };
    int rc = file_replace(path, FILE_MODE, parts, 2, why);
    free(head);
    return rc;
}

static int read_bytes(int fd, const struct region *image, struct error *why)
{
    size_t have = 0;

    while (have < image->bytes) {
        size_t want = image->bytes - have;
        ssize_t n = read(fd, image->base + have, want < READ_MAX_BYTES ? want : READ_MAX_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(why, "cannot read");
        if (n == 0)
            return image_damaged(why, "it became shorter while it was read");
        have += (size_t)n;
    }
    return 0;
}

/* Before memory is asked for it, and minutes of a start: a file that grew is none of ours. */
static int check_kind(int fd, uint64_t bytes, struct error *why)
{
    struct image_head head = {.version = 0};
    ssize_t n = pread(fd, &head, sizeof head, 0);

    if (n < 0)
        return error_errno(why, "cannot read");
    return image_check_kind(&head, (size_t)n < sizeof head ? (uint64_t)n : bytes, why);
}

static int read_image(int fd, struct region *image, struct error *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return error_errno(why, "cannot stat");
    if (!S_ISREG(st.st_mode))
        return error_set(why, ERR_REFUSED, "not a regular file");
    if (st.st_size < 0 || (uintmax_t)st.st_size > FILE_MAX_BYTES)
        return image_damaged(why, "longer than any index");
    int rc = check_kind(fd, (uint64_t)st.st_size, why);
    if (rc < 0)
        return rc;
    if (!region_open(image, (size_t)st.st_size))
        return error_set(why, ERR_NOMEM, "no memory for %jd bytes", (intmax_t)st.st_size);
    rc = read_bytes(fd, image, why);
    if (rc < 0)
        region_close(image);
    return rc;
}

struct blocklist *blocklist_load(const char *path, struct error *why)
{
    struct region image;
    struct blocklist *bl = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        error_errno(why, "cannot open %s", path);
        if (why != NULL && absent)
            why->code = ERR_ABSENT;
        return NULL;
    }
    if (read_image(fd, &image, why) == 0)
        bl = image_parse(&image, why);
    close(fd);
    if (bl == NULL)
        error_prefix(why, "%s", path);
    return bl;
}
