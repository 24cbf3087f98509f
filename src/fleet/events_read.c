/*
 * What others refused, read from the stream, a page a turn. Everything there is a stranger's: what
 * is too long does not leave Redis, what is no event under our secret is passed over and counted.
 */
#include "events_read.h"

#include "rcptguard/base/log.h"
#include "reply.h"

/* KEYS: stream. ARGV: command, from, to, how many, most bytes of an event. Answers id, event
 * ("": something else), id, event ... and "end", "" where the stream ends. One entry at a time, and
 * not beyond 2 MiB: one of megabytes takes Redis some time to show to a script. */
static struct redis_script page_script = {
    .text = "local out, most, from, bytes = {}, tonumber(ARGV[5]), ARGV[2], 0\n"
            "for i = 1, tonumber(ARGV[4]) do\n"
            "  local e = redis.call(ARGV[1], KEYS[1], from, ARGV[3], 'COUNT', 1)[1]\n"
            "  if not e then out[#out + 1] = 'end' out[#out + 1] = '' break end\n"
            "  local f = e[2]\n"
            "  local good = #f == 2 and f[1] == 'line' and #f[2] <= most\n"
            "  out[#out + 1] = e[1]\n"
            "  out[#out + 1] = good and f[2] or ''\n"
            "  for j = 1, #f do bytes = bytes + #f[j] end\n"
            "  if bytes > 2097152 then break end\n"
            "  from = '(' .. e[1]\n"
            "end\n"
            "return out\n",
};

int page_read(struct events *e, struct redis *redis, const char *command, const char *from,
              const char *to, unsigned most, struct page *p, struct error *why)
{
    char count[16], bytes[16];
    struct text c = text_on(count, sizeof count), b = text_on(bytes, sizeof bytes);
    const struct view key = view_of(e->stream);
    struct view name, text;

    *p = (struct page){.reply = NULL};
    text_addf(&c, "%u", most);
    text_addf(&b, "%d", EVENT_SEALED_MAX);
    const struct view args[] = {view_of(command), view_of(from), view_of(to), text_view(&c),
                                text_view(&b)};
    int rc = redis_run(redis, &page_script, &key, 1, args, 5, EVENTS_CALL_MS, &p->reply, why);
    if (rc < 0)
        return rc;
    p->n = reply_pairs(p->reply);
    /* An answer without a single entry is not what was asked for: no use in asking on. */
    p->is_last =
        p->n == 0 || (reply_pair(p->reply, p->n - 1, &name, &text) && view_is(name, "end"));
    if (p->is_last && p->n > 0)
        p->n--;
    return 0;
}

int page_read_on(struct events *e, struct redis *redis, struct event_id id, struct page *p,
                 struct error *why)
{
    char from[EVENT_ID_SIZE];

    return page_read(e, redis, "XRANGE", event_id_text(id, from), "+", EVENTS_PAGE, p, why);
}

bool page_next(struct page *p, struct event_id *id, struct view *text)
{
    struct view name;

    return p->at < p->n && reply_pair(p->reply, p->at++, &name, text) && event_id_parse(name, id);
}

static void not_believed(struct events *e, struct event_id id, const struct error *why)
{
    if (!event_id_is_before(e->seen, id))
        return;
    atomic_fetch_add(&e->refused, 1);
    if (!e->warned)
        log_warning("fleet", "the stream of events holds what is not believed: %s", why->text);
    e->warned = true;
}

struct event *events_open_entry(struct events *e, struct event_id id, struct view text)
{
    struct event *event = NULL;
    struct error why;

    if (event_open(e->key, text, &event, &why) < 0)
        not_believed(e, id, &why);
    return event;
}

void events_have_seen(struct events *e, struct event_id id)
{
    if (event_id_is_before(e->seen, id))
        e->seen = id;
}

bool events_post(struct events *e, struct task *task)
{
    pthread_mutex_lock(&e->lock);
    bool posted = !e->left && queue_post(e->loop, task) == 0;
    pthread_mutex_unlock(&e->lock);
    return posted;
}

int events_read(struct events *e, struct redis *redis, struct error *why)
{
    int rc = follow_turn(e, redis, why);

    if (redis == NULL || rc < 0)
        events_give_up(e, "Redis is away");
    int asked = ask_turn(e, rc == 0 ? redis : NULL, why);
    return rc < 0 ? rc : asked;
}

int64_t events_read_due(const struct events *e, bool up)
{
    if (e->looks != NULL)
        return 0;
    return up ? follow_due(e) : INT64_MAX;
}
