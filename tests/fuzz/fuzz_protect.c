/*
 * Files of protected domains, any bytes, against a plain reading: which entries would block one of
 * them as a whole (rule 16). Below the first NUL byte is the file; before it stand two bytes that
 * choose an entry, and its name.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model.h"
#include "rcptguard/feeds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct address_options as_written;

static bool is_at_or_below(struct view name, struct view top)
{
    return view_eq(name, top) || (name.len > top.len && name.ptr[name.len - top.len - 1] == '.' &&
                                  view_eq(view_from(name, name.len - top.len), top));
}

/* Is there an address that both the entry and the protected domain (or what is below it) have, so
 * that the domain is blocked as a whole? */
static bool blocks(enum entry_kind kind, struct view name, struct view domain, bool tree)
{
    bool below = is_at_or_below(domain, name) && !view_eq(domain, name);

    if (kind == ENTRY_ADDRESS)
        return false;
    if (tree && is_at_or_below(name, domain))
        return true;
    switch (kind) {
    case ENTRY_DOMAIN:
        return view_eq(name, domain);
    case ENTRY_TREE:
        return view_eq(name, domain) || below;
    case ENTRY_BELOW:
        return below;
    default:
        return false;
    }
}

/* A NUL byte, or a CR with anything but white space behind it (and before it). */
static bool is_damaged(struct view line)
{
    struct view words = view_trim(line);

    return view_find(words, '\0') >= 0 || view_find(words, '\r') >= 0;
}

/* *UNSURE: a line is not the model's subject. */
static bool is_covered(struct view file, enum entry_kind kind, struct view name, bool *unsure)
{
    static struct model_entry line;
    struct view text;
    bool covered = false;

    if (view_starts(file, "\xef\xbb\xbf"))
        file = view_from(file, 3);
    while (view_split(&file, '\n', &text)) {
        if (is_damaged(text))
            continue;
        for (size_t i = 0; i < text.len; i++)
            if (text.ptr[i] == '#' && (i == 0 || text.ptr[i - 1] == ' ' || text.ptr[i - 1] == '\t'))
                text.len = i;
        enum model_result result = model_entry(text, &as_written, &line);
        *unsure = *unsure || result == MODEL_UNSURE;
        if (result == MODEL_GOOD && (line.kind == ENTRY_DOMAIN || line.kind == ENTRY_TREE))
            covered = covered || blocks(kind, name, model_view(&line.key), line.kind == ENTRY_TREE);
    }
    return covered;
}

static struct protect *load(struct view file)
{
    static int fd = -1;
    static char path[64];
    struct error why = {0};

    if (fd < 0)
        fd = memfd_create("protect", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, 0) == 0);
    must(pwrite(fd, file.ptr, file.len, 0) == (ssize_t)file.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct protect *p = protect_load(path, &why);
    must(p != NULL);
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum entry_kind kinds[] = {ENTRY_DOMAIN, ENTRY_TREE, ENTRY_BELOW, ENTRY_ADDRESS};
    static const struct view providers[] = {{"gmail.com", 9}, {"t-online.de", 11}, {"gmx.net", 7}};
    struct view rest = view_make(data, size), name;
    bool unsure = false, provider = false;

    if (size < 2 || !view_split(&rest, '\0', &name) || name.len < 2)
        return 0;
    enum entry_kind kind = kinds[name.ptr[0] & 3];
    name = view_from(name, 1);
    static struct model_entry e;
    if (model_is_unsure(name) || model_name_entry(name, ENTRY_DOMAIN, &e) != MODEL_GOOD)
        return 0;
    name = model_view(&e.key);
    struct protect *p = load(rest.ptr == NULL ? view_of("") : rest);
    bool covered = is_covered(rest, kind, name, &unsure), says = protect_covers(p, kind, name);
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++)
        provider = provider || blocks(kind, name, providers[i], false);
    must(says || !(covered || provider));
    if (!unsure && !covered && says && view_find(name, '.') >= 0) {
        /* One of those that are built in: all of them end so. */
        static const char *const ends[] = {"com", "net", "de", "ru", "me"};
        ptrdiff_t dot = view_find_last(name, '.');
        bool known = false;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            known = known || view_is(view_from(name, (size_t)dot + 1), ends[i]);
        must(known && kind != ENTRY_ADDRESS);
    }
    protect_release(p);
    return 0;
}
