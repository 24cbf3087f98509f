/* What stands in Redis of one WHAT: a sealed object (seal.h), and its body. */
#include "merge.h"
#include "round.h"

/* The body of an object: a word and a line end, and lines; or a word, the time of Redis in seconds,
 * and a line end. */
#define SET     "set\n"
#define DELETED "deleted "

/* What a body says; the rest of OUT is left alone. */
static bool parse_body(struct view body, struct record_of *out)
{
    uint64_t time;

    if (view_starts(body, SET)) {
        out->text = view_from(body, strlen(SET));
        out->deleted_at = 0;
        return out->text.len > 0;
    }
    if (!view_starts(body, DELETED) || body.ptr[body.len - 1] != '\n')
        return false;
    struct view word = view_from(view_first(body, body.len - 1), strlen(DELETED));
    if (!view_to_uint(word, (uint64_t)ROUND_TIME_MAX, &time) || time == 0)
        return false;
    out->text = view_of("");
    out->deleted_at = (int64_t)time;
    return true;
}

/* Blocks are only believed with a secret (an exclusion of a forger frees; a block refuses mail). */
static bool may_believe(const struct round *r)
{
    return r->f->key.secret || r->k->kind == LOCAL_EXCLUSIONS;
}

enum belief object_open(const struct round *r, struct view what, struct view raw,
                        struct record_of *out)
{
    struct error why;
    struct sealed sealed;
    const char *kind = local_kind_text(r->k->kind);

    if (!may_believe(r) || what.len == 0 || what.len > RECORD_WHAT_MAX)
        return FOREIGN;
    int rc = seal_open(&r->f->key, kind, what, raw, &sealed, &why);
    if (rc < 0)
        return rc == ERR_REFUSED ? FOREIGN : rc == ERR_NOMEM ? UNKNOWN : NONE;
    struct record_of said = {.what = what, .version = sealed.version, .sealed = raw};
    if (sealed.version == 0 || sealed.version > RECORD_VERSION_MAX ||
        !parse_body(sealed.body, &said))
        return NONE;
    *out = said;
    return kept_allows(r->f, r->k->kind, what, out->text) ? BELIEVED : REFUSED;
}

int object_seal(const struct round *r, struct put *p, uint64_t version)
{
    struct buf body = BUF_INIT(0);

    if (p->text.len > 0)
        buf_add_text(&body, SET);
    else
        buf_addf(&body, DELETED "%lld\n", (long long)r->time);
    buf_add_view(&body, buf_view(&p->text));
    const struct sealed what = {
        .kind = local_kind_text(r->k->kind),
        .name = buf_view(&p->what),
        .relay = view_of(r->f->relay),
        .version = version,
        .body = buf_view(&body),
    };
    p->version = version;
    int rc = body.failed ? ERR_NOMEM : seal_make(&r->f->key, &what, &p->sealed);
    buf_free(&body);
    return rc;
}
