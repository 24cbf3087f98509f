/*
 * POST and DELETE of /v1/exclusions and /v1/blocks. The disk thread edits the file (the room
 * `local`); here is who may, what asks for force, and who did it. An edit that has begun goes on
 * when its client leaves.
 */
#include <stdlib.h>

#include "edit_body.h"
#include "json.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/log.h"
#include "request.h"

#define LINE_SHOWN 700 /* bytes in the log of the lines before, and of those after */

/* What may be done to the two files. */
struct edit_order {
    const char *name; /* in the log */
    enum local_kind kind;
    enum local_action action;
    const char *noun;
};

static const struct edit_order exclude = {"exclude", LOCAL_EXCLUSIONS, LOCAL_ADD, ""},
                               block = {"block", LOCAL_BLOCKS, LOCAL_ADD, ""},
                               unexclude = {"unexclude", LOCAL_EXCLUSIONS, LOCAL_REMOVE,
                                            "exclusion"},
                               unblock = {"unblock", LOCAL_BLOCKS, LOCAL_REMOVE, "block"},
                               prune_exclusions = {"prune exclusions", LOCAL_EXCLUSIONS,
                                                   LOCAL_PRUNE, ""},
                               prune_blocks = {"prune blocks", LOCAL_BLOCKS, LOCAL_PRUNE, ""};

/* An edit under way. It outlives its client and, at the stop, the admin. */
struct edit {
    struct edit *next;
    struct admin *admin;     /* NULL: stopped */
    struct request *request; /* NULL: the client has gone */
    const struct edit_order *order;
    bool of_list;       /* a line of all lists is none of those that are meant */
    bool here_only;     /* goes into this site's own file, whatever is shared */
    bool shared;        /* of the fleet's file, which goes first */
    struct local *then; /* the file that may have such lines too; NULL: none */
    struct buf what, lists;
    struct buf before;  /* what went out of the first file */
    uint64_t lines;     /* how many that were */
    struct text failed; /* why a file is as it was; of both, where both are */
    char failed_memory[2 * sizeof(struct error)];
    struct change_words words;
};

static void edit_free(struct edit *e)
{
    buf_free(&e->what);
    buf_free(&e->lists);
    buf_free(&e->before);
    free(e);
}

/* ---- the end -------------------------------------------------------------------------------- */

static json_t *lines_json(struct view lines)
{
    json_t *array = json_array();
    struct view line;

    if (lines.len > 0)
        while (view_split(&lines, '\n', &line))
            json_array_append_new(array, json_text(line));
    return array;
}

static bool has_changed(const struct local_edited *result)
{
    return result->outcome == LOCAL_EDIT_ADDED || result->outcome == LOCAL_EDIT_CHANGED;
}

static const char *own_file(const struct admin_house *house, const struct edit_order *order)
{
    return order->kind == LOCAL_BLOCKS ? house->blocks_file : house->exclusions_file;
}

static const char *file_of(const struct edit *e)
{
    const struct admin_house *house = e->request->admin->house;

    if (e->shared || e->lines > 0)
        return house->shared[e->order->kind].file;
    return own_file(house, e->order);
}

static json_t *edited_json(const struct edit *e, const struct local_edited *result)
{
    bool changed = has_changed(result);
    json_t *object = json_object();
    if (e->order->action != LOCAL_PRUNE)
        json_put(object, "what", json_text(result->what));
    json_put(object, "file", json_text(view_of(file_of(e))));
    json_put(object, "shared", json_boolean(e->shared || e->lines > 0));
    if (e->order->action == LOCAL_ADD) {
        json_put(object, "line", result->line == 0 ? json_null() : json_count(result->line));
        json_put(object, "changed", json_boolean(changed));
        json_put(object, "after", json_text_or_null(result->after));
    } else {
        json_put(object, "removed", json_count(e->lines + (changed ? result->lines : 0)));
    }
    json_t *before = lines_json(buf_view(&e->before)), *more = lines_json(result->before);
    json_array_extend(before, more);
    json_decref(more);
    json_put(object, "before", before);
    return object;
}

/* Not all was done. What was is said, too. */
static void answer_failed(struct edit *e, const struct local_edited *result)
{
    struct view why = text_view(&e->failed);
    json_t *object = json_error(why);

    if (e->lines > 0 || has_changed(result)) {
        json_t *done = edited_json(e, result);
        json_object_update(object, done);
        json_decref(done);
    }
    request_reply(e->request, 500, object);
}

static void answer(struct edit *e, const struct local_edited *result)
{
    struct request *r = e->request;

    if (e->failed.len > 0) {
        answer_failed(e, result);
        return;
    }
    if (e->lines > 0 && result->outcome == LOCAL_EDIT_ABSENT) {
        request_reply(r, 200, edited_json(e, result));
        return;
    }

    switch (result->outcome) {
    case LOCAL_EDIT_ADDED:
    case LOCAL_EDIT_CHANGED:
        request_reply(r, e->order->action == LOCAL_ADD ? 201 : 200, edited_json(e, result));
        break;
    case LOCAL_EDIT_NOTHING:
        request_reply(r, 200, edited_json(e, result));
        break;
    case LOCAL_EDIT_ABSENT:
        request_fail(r, 404, "there is no such %s%s; look at the list of %ss", e->order->noun,
                     e->of_list ? " that names this list" : "", e->order->noun);
        break;
    case LOCAL_EDIT_BAD:
        request_fail(r, 400, "%s", result->why.text);
        break;
    case LOCAL_EDIT_FAILED: /* said above */
        break;
    }
}

static void log_edit(const struct edit *e, const struct local_edited *result)
{
    static const char *const outcomes[] = {"added",  "changed", "nothing to do",
                                           "absent", "bad",     "failed"};
    char before[LINE_SHOWN + 8], after[LINE_SHOWN + 8];
    struct text old = text_on(before, sizeof before), new = text_on(after, sizeof after);
    bool failed = result->outcome == LOCAL_EDIT_FAILED;

    escape_to_max(&old, failed ? view_of(result->why.text) : result->before, ESCAPE_LOG,
                  LINE_SHOWN);
    escape_to_max(&new, result->after, ESCAPE_LOG, LINE_SHOWN);
    if (failed)
        log_warning("admin", "%s: %s: failed uid=%ld by=<%s> why=<%s>", e->order->name,
                    e->words.name, e->words.uid, e->words.by, before);
    else
        log_notice("admin", "%s: %s: %s uid=%ld by=<%s> old=<%s> new=<%s>", e->order->name,
                   e->words.name, outcomes[result->outcome], e->words.uid, e->words.by, before,
                   after);
}

static void unlink_edit(struct edit *e)
{
    struct edit **link = &e->admin->edits;

    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
}

static void edit_done(const struct local_edited *result, void *arg);

static void note_failure(struct edit *e, const char *why)
{
    text_addf(&e->failed, "%s%s", e->failed.len > 0 ? "; and " : "", why);
}

/* True: the other file is looked at too, and says when it is done. That one of them cannot be
 * changed is no reason to leave the other. */
static bool go_on(struct edit *e, const struct local_edited *result)
{
    struct local *then = e->then;
    const struct local_edit edit = {.action = e->order->action,
                                    .what = buf_view(&e->what),
                                    .lists = buf_view(&e->lists),
                                    .now = clock_now()};

    e->then = NULL;
    if (then == NULL || result->outcome == LOCAL_EDIT_BAD)
        return false;
    if (local_edit(then, &edit, edit_done, e) < 0) {
        struct error why;
        error_set(&why, ERR_LIMIT, "%s: too busy to look at it; try again in a moment",
                  own_file(e->admin->house, e->order));
        note_failure(e, why.text);
        return false;
    }
    buf_add_view(&e->before, result->before);
    e->lines = has_changed(result) ? result->lines : 0;
    e->shared = false;
    return true;
}

static void edit_done(const struct local_edited *result, void *arg)
{
    struct edit *e = arg;

    log_edit(e, result);
    if (result->outcome == LOCAL_EDIT_FAILED)
        note_failure(e, result->why.text);
    if (e->shared && has_changed(result) && e->admin != NULL)
        fleet_edited(e->admin->house->fleet, e->order->kind);
    if (e->admin != NULL && go_on(e, result))
        return;
    if (e->admin != NULL)
        unlink_edit(e);
    if (e->request != NULL)
        answer(e, result);
    edit_free(e);
}

static void edit_gone(void *work)
{
    struct edit *e = work;

    e->request = NULL;
}

void edits_forget(struct admin *a)
{
    for (struct edit *e = a->edits; e != NULL; e = e->next)
        e->admin = NULL;
    a->edits = NULL;
}

/* ---- the beginning -------------------------------------------------------------------------- */

static unsigned edits_under_way(const struct admin *a)
{
    unsigned n = 0;

    for (const struct edit *e = a->edits; e != NULL; e = e->next)
        n++;
    return n;
}

static void fail_busy(struct request *r)
{
    request_fail(r, 503, "too many edits are under way; try again in a moment");
}

/* Has this site's own file a line of WHAT, in canonical print, or one that is over? Where it has
 * not, it is left alone: it need not be the daemon's own. */
static bool own_has(const struct admin *a, const struct edit_order *order, struct view what)
{
    const struct local_table *table = order->kind == LOCAL_BLOCKS
                                          ? verdict_blocks(a->house->verdict)
                                          : verdict_exclusions(a->house->verdict);
    struct local_what asked, held;

    if (order->action == LOCAL_PRUNE)
        return local_table_expired(table, clock_now()) > 0;
    if (local_what_parse(order->kind, what, a->house->addresses, &asked, NULL) < 0)
        return true;
    for (size_t i = 0; i < local_table_count(table); i++) {
        const struct local_line *e = local_table_at(table, i);
        held = (struct local_what){.subject = e->subject, .kind = e->kind};
        if (held.subject == asked.subject && view_eq(e->key, asked.key) &&
            (e->subject == LOCAL_LOGIN || held.kind == asked.kind))
            return true;
    }
    return false;
}

/* New lines go to the fleet's file where there is one; old ones are taken out wherever they are. */
static struct local *choose_file(struct edit *e)
{
    const struct admin_house *house = e->admin->house;
    struct local *own = e->order->kind == LOCAL_BLOCKS ? house->blocks : house->exclusions;
    struct local *shared = house->shared[e->order->kind].local;

    if (shared == NULL || e->here_only)
        return own;
    e->shared = true;
    if (e->order->action != LOCAL_ADD && own_has(e->admin, e->order, buf_view(&e->what)))
        e->then = own;
    return shared;
}

static void start(struct request *r, const struct edit_order *order, const struct edit_body *body,
                  bool here_only)
{
    struct admin *a = r->admin;
    const struct local_edit edit = {.action = order->action,
                                    .what = body->what,
                                    .lists = body->lists,
                                    .until = body->until,
                                    .ticket = body->ticket,
                                    .note = body->note,
                                    .by = body->by,
                                    .now = clock_now()};

    if (edits_under_way(a) >= ADMIN_MAX_EDITING) {
        fail_busy(r);
        return;
    }
    struct edit *e = calloc(1, sizeof *e);
    if (e == NULL) {
        request_reply(r, 500, NULL);
        return;
    }
    *e = (struct edit){
        .next = a->edits,
        .admin = a,
        .request = r,
        .order = order,
        .of_list = body->lists.len > 0,
        .here_only = here_only,
    };
    e->failed = text_on(e->failed_memory, sizeof e->failed_memory);
    request_change(r, order->action == LOCAL_PRUNE ? view_of("all") : body->what, &e->words);
    buf_add_view(&e->what, body->what);
    buf_add_view(&e->lists, body->lists);
    a->edits = e;
    request_wait(r, edit_gone, NULL, e);
    int code = e->what.failed || e->lists.failed ? ERR_NOMEM
                                                 : local_edit(choose_file(e), &edit, edit_done, e);
    if (code == 0)
        return;
    unlink_edit(e);
    edit_free(e);
    if (code == ERR_LIMIT)
        fail_busy(r);
    else
        request_reply(r, 500, NULL);
}

/* ---- what asks for more --------------------------------------------------------------------- */

/* Why an edit about this should be thought over, or NULL. Logins are one account. */
static const char *why_force(const struct admin *a, enum local_kind file,
                             const struct local_what *what)
{
    if (what->subject == LOCAL_LOGIN || what->key.len == 0 ||
        (what->kind != ENTRY_DOMAIN && what->kind != ENTRY_TREE && what->kind != ENTRY_BELOW))
        return NULL;
    if (suffixes_is_public(a->suffixes, what->key))
        return "is a public suffix, under which strangers have their domains";
    if (file == LOCAL_BLOCKS && suffixes_covered(a->suffixes, what->kind, what->key))
        return "has a public suffix in it, under which strangers have their domains";
    if (protect_covers(a->house->protect, what->kind, what->key))
        return "covers a whole protected domain";
    return NULL;
}

/* False: R was answered. */
static bool may_force(struct request *r, const struct edit_order *order,
                      const struct edit_body *body, const struct local_what *what)
{
    const char *why = why_force(r->admin, order->kind, what);
    char memory[ESCAPE_MAX_BYTES + 8];
    struct text t = text_on(memory, sizeof memory);

    if (body->force)
        return request_may_admin(r, order->name, body->what);
    if (why == NULL)
        return true;
    json_t *object = json_object();
    char text[512];
    escape_to(&t, body->what, ESCAPE_TERMINAL);
    snprintf(text, sizeof text, "%s %s; if that is what you want, ask for it with force", memory,
             why);
    json_put(object, "error", json_text(view_of(text)));
    json_put(object, "needs", json_string("force"));
    request_reply(r, 409, object);
    return false;
}

/* list= names feeds and zones alike. */
static int check_lists(const struct admin_house *house, struct view lists, struct error *why)
{
    const char *names[1 + BLOCKLIST_MAX_LISTS + DNSBL_ZONES_MAX] = {LOCAL_LIST};
    const struct feed_status *feed;
    const struct dnsbl_status *zone;
    size_t n = 1;

    for (size_t i = 0; i < BLOCKLIST_MAX_LISTS && (feed = feeds_status(house->feeds, i)) != NULL;
         i++)
        names[n++] = feed->name;
    for (size_t i = 0; (zone = dnsbl_status(house->dnsbl, i)) != NULL; i++)
        names[n++] = zone->name;
    return edit_check_lists(lists, names, n, why);
}

static void add(struct request *r, const struct edit_order *order)
{
    const struct admin_house *house = r->admin->house;
    struct edit_body body;
    struct local_what what;
    struct error why = {0};
    int code = edit_body_read(order->kind, r->body, &body, &why);

    if (code == 0)
        code = local_what_parse(order->kind, body.what, house->addresses, &what, &why);
    if (code == 0 && body.lists.len > 0)
        code = check_lists(house, body.lists, &why);
    /* Force is for the relay where it was typed: no other one believes such a block. */
    if (code == 0 && may_force(r, order, &body, &what))
        start(r, order, &body,
              order->kind == LOCAL_BLOCKS && why_force(r->admin, order->kind, &what) != NULL);
    else if (code != 0)
        request_fail(r, code == ERR_NOMEM ? 500 : 400, "%s", why.text);
    edit_body_free(&body);
}

/* A list that is gone from the configuration may still be named in the file: none is unknown. */
static void take_out(struct request *r, const struct edit_order *remove,
                     const struct edit_order *prune)
{
    struct edit_body body;
    struct error why = {0};
    int code = edit_body_from_target(&r->target, &body, &why);
    const struct edit_order *order = body.expired ? prune : remove;
    bool is_for_admins = body.expired || order->kind == LOCAL_BLOCKS;

    if (is_for_admins && !request_may_admin(r, order->name, body.what))
        return;
    if (code == 0)
        start(r, order, &body, false);
    else
        request_fail(r, 400, "%s", why.text);
    edit_body_free(&body);
}

void admin_exclude(struct request *r)
{
    add(r, &exclude);
}

void admin_block(struct request *r)
{
    const json_t *what = json_object_get(r->body, "what");

    if (request_may_admin(r, block.name,
                          json_is_string(what)
                              ? view_make(json_string_value(what), json_string_length(what))
                              : VIEW_NONE))
        add(r, &block);
}

void admin_unexclude(struct request *r)
{
    take_out(r, &unexclude, &prune_exclusions);
}

void admin_unblock(struct request *r)
{
    take_out(r, &unblock, &prune_blocks);
}
