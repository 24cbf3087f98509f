/* One WHAT of base, file and Redis: what is to be done so that all agree. */
#include "merge.h"

#include "records.h"

#define DAY_S 86400

/* What is absent has no text. */
static struct view text_of(const struct merge_side *side)
{
    return side->version == 0 ? VIEW_NONE : side->text;
}

static int compare(struct view a, struct view b)
{
    size_t both = a.len < b.len ? a.len : b.len;
    int order = both == 0 ? 0 : memcmp(a.ptr, b.ptr, both);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Nobody touched the file. */
static enum merge decide_unchanged(const struct merge_side *base, const struct merge_side *remote)
{
    int order = (remote->version > base->version) - (remote->version < base->version);

    /* One version was given twice: a Redis restored from a backup, or emptied between two who did
     * not know of each other. Any order will do that all relays see alike. */
    if (order == 0)
        order = compare(text_of(remote), text_of(base));
    if (order > 0)
        return MERGE_TAKE;
    /* Redis forgot. As it is, with its old version: a new one would make an old state of a relay
     * that was away win over what others told meanwhile. Deletions too, or an even older relay
     * would bring back what was deleted; until they are old, when nobody knows them any more. */
    if (order < 0 && !(base->is_old && remote->version == 0))
        return MERGE_OFFER;
    return MERGE_NOTHING;
}

/* A person changed the file. */
static enum merge decide_changed(const struct merge_side *base, struct view file,
                                 const struct merge_side *remote)
{
    /* What is in Redis is known here, or older than what is known here: whoever changed the file
     * saw it, and wants something else. */
    if (remote->version <= base->version)
        return MERGE_TELL;
    /* The same was done elsewhere; or this relay took it, or told it, and was killed before it
     * could note that. */
    if (view_eq(file, text_of(remote)))
        return MERGE_TAKE;
    /* Two persons who did not know of each other. */
    return MERGE_BOTH;
}

enum merge merge_decide(const struct merge_side *base, struct view file,
                        const struct merge_side *remote)
{
    return view_eq(file, text_of(base)) ? decide_unchanged(base, remote)
                                        : decide_changed(base, file, remote);
}

/* ---- lines of both -------------------------------------------------------------------------- */

/* The next line of *REST, without its end; one that has none is a line, too. */
static bool take_line(struct view *rest, struct view *line)
{
    ptrdiff_t end = view_find(*rest, '\n');

    if (rest->len == 0)
        return false;
    *line = end < 0 ? *rest : view_first(*rest, (size_t)end);
    *rest = end < 0 ? VIEW_NONE : view_from(*rest, (size_t)end + 1);
    return true;
}

static bool has_line(struct view text, struct view line)
{
    struct view one;

    while (take_line(&text, &one))
        if (view_eq(one, line))
            return true;
    return false;
}

/* Adds those lines of TEXT that are not in *OUT from byte FROM on. */
static void add_missing(struct view text, size_t from, struct buf *out)
{
    struct view line;

    while (take_line(&text, &line))
        if (!has_line(view_from(buf_view(out), from), line)) {
            buf_add_view(out, line);
            buf_add_text(out, "\n");
        }
}

/* Two texts at their longest have some thousand short lines: to look at all of them for each takes
 * a tenth of a second, on a thread that may wait, and hardly ever happens. */
int merge_lines(struct view file, struct view remote, struct buf *out)
{
    size_t from = out->len;

    /* Set here and deleted there, or the other way round. There is nothing between, so the one
     * that is told later counts, as if it had been told first and changed then. */
    if (file.len == 0 || remote.len == 0)
        return buf_add_view(out, file);
    /* Nobody said that a line of the other should go. */
    add_missing(remote, from, out);
    add_missing(file, from, out);
    if (out->failed)
        return ERR_NOMEM;
    if (out->len - from <= RECORD_TEXT_MAX)
        return 0;
    out->len = from;
    int rc = buf_add_view(out, file);
    return rc < 0 ? rc : ERR_LIMIT;
}

/* ---- time ----------------------------------------------------------------------------------- */

bool merge_is_old(int64_t deleted_at, int64_t redis)
{
    return deleted_at > 0 && deleted_at < redis - MERGE_KEPT_S;
}

bool merge_clocks_agree(int64_t redis, int64_t own)
{
    return redis <= own + DAY_S && own <= redis + DAY_S;
}

bool merge_was_away(int64_t agreed_at, int64_t redis)
{
    return agreed_at > 0 && agreed_at < redis - MERGE_KEPT_S + DAY_S;
}

bool merge_is_most(size_t n, size_t all)
{
    return n > 10 && n > all / 2;
}
