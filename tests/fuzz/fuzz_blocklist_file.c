/*
 * Index files from a stranger. The first byte says whether checksums (and lengths in the head)
 * are put right first, so that what lies behind them is reached too. Whatever is taken must be
 * safe to walk and to ask, answer for every key it holds, and be written again as it was read.
 */
#include <stdlib.h>

#include "blocklist/image.h"

static void put_right(unsigned char *image, size_t len)
{
    struct image_head *head = (struct image_head *)(void *)image;
    size_t lists_bytes;

    if (len < sizeof *head)
        return;
    head->n_lists %= 4;
    lists_bytes = head->n_lists * sizeof(struct blocklist_list);
    if (len < sizeof *head + lists_bytes)
        return;
    memcpy(head->magic, IMAGE_MAGIC, sizeof head->magic);
    head->byte_order = IMAGE_BYTE_ORDER;
    head->version = IMAGE_VERSION;
    head->arena_len = len - sizeof *head - lists_bytes;
    head->arena_sum = checksum_of(image + len - head->arena_len, head->arena_len);
    head->head_sum = image_head_sum(head, head->n_lists);
}

static int must_be_found(struct view key, const struct listing *listing, void *arg)
{
    struct listing out[2];
    const struct blocklist *bl = arg;

    if (listing->list >= blocklist_lists(bl))
        abort();
    /* A forger may write a key twice, with other kinds each time: then the first one counts. */
    if (blocklist_find(bl, key, ~0u, out, 2) == 0)
        abort();
    return 0;
}

static void must_be_written_again(const struct blocklist *bl, const unsigned char *image,
                                  size_t len)
{
    size_t head_bytes;
    struct image_head *head = image_head_new(bl, &head_bytes);

    if (head == NULL)
        return;
    if (head_bytes + bl->arena_len != len || memcmp(head, image, head_bytes) != 0 ||
        (bl->arena_len > 0 && memcmp(bl->arena, image + head_bytes, bl->arena_len) != 0))
        abort();
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct region image, copy;
    struct error why = {0};

    if (size == 0 || size > 65536 || !region_open(&image, size - 1))
        return 0;
    memcpy(image.base, data + 1, size - 1);
    if (data[0] & 1)
        put_right(image.base, size - 1);
    if (!region_open(&copy, size - 1)) {
        region_close(&image);
        return 0;
    }
    memcpy(copy.base, image.base, size - 1);
    struct blocklist *bl = image_parse(&image, &why);
    if (bl == NULL && why.code != ERR_DAMAGED && why.code != ERR_NOMEM)
        abort();
    if (bl != NULL) {
        blocklist_each(bl, must_be_found, bl);
        must_be_written_again(bl, copy.base, copy.bytes);
    }
    region_close(&copy);
    blocklist_free(bl);
    return 0;
}
