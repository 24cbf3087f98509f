/*
 * The worker's record of one feed. Worker thread only (and start, before there is one).
 */
#ifndef FEEDS_FEED_H
#define FEEDS_FEED_H

#include <stdatomic.h>

#include "fetch/fetch.h"
#include "fetch/file_glob.h"
#include "post.h"
#include "rcptguard/base/watch.h"
#include "store/store.h"

struct feed;

/* What all feeds of a worker share. Borrowed. */
struct feed_house {
    const struct feeds_config *config;
    const struct suffixes *suffixes;
    struct fetcher *fetcher;
    const atomic_bool *stop;     /* set: leave long work undone */
    struct shared_lists *shares; /* shared_list.h; NULL: every relay fetches for itself */

    /* Hears what is being done with F, in the middle of long work. NULL: nobody does. */
    void (*tell)(const struct feed *f, const char *words, void *arg);
    void *tell_arg;
};

enum { COPY_ACCEPTED = 0, COPY_HELD = 1, COPY_STATES = 2 };

/* What became of one source in a look, and the words for it. */
struct outcome {
    enum feed_state state;
    char guard[32];
    struct error why;
};

/* One of the URLs of a source: the first, or a mirror. */
struct feed_url {
    const char *url;                    /* of the configuration */
    unsigned char digest[SHA256_BYTES]; /* of it and of the key that signs what it serves */
    struct watch *watch, *signature;    /* file:, and what lies beside it */
    struct file_glob_watch files;       /* file: with a pattern */
    char failed[200];                   /* why, in this look; "": it did not */
    bool down;                          /* that it fails was logged */
    int64_t not_before;                 /* Retry-After: not asked while another one can be */
    uint64_t seen;                      /* what is shared of it, as it was looked at last */
    unsigned hearsay;                   /* in a row, others said that it fails */
};

/* What a feed is made of: its list, its cleared list. */
struct feed_source {
    struct feed_url urls[FEED_MAX_URLS];
    unsigned n_urls, at;  /* AT is asked, or was last */
    const char *url;      /* urls[at].url; NULL: this feed has no such source */
    unsigned failed;      /* URLs in this look */
    struct outcome first; /* of those: the first */
    struct feed *feed;    /* whose it is, and what it is fetched by, while a look goes on */
    struct fetcher *fetcher;
    struct fetch *fetch;        /* of the list, then of its signature */
    bool asked_held;            /* the validators that were sent are those of the held copy */
    bool arrived;               /* RESULT is there and not judged yet */
    struct shared_list *shared; /* while the share is asked, or waits for what comes of FETCH */
    bool whole;                 /* no validators are to be sent, this time */
    bool fresh;                 /* of a look for news: RESULT is some */
    int64_t age_ms;             /* of RESULT: it was true so long ago */
    int64_t known_ms; /* when the server, or who asked it, said last what is there; mono, 0: before
                         the start */
    char signature[FEEDS_SHARE_SIGNATURE]; /* the file that RESULT was signed by */
    size_t signature_len;
    struct fetch_result result;
    struct body *unsaved[COPY_STATES]; /* taken, not in the store yet */
};

struct feed {
    const struct feed_config *config;
    unsigned char shape[SHA256_BYTES];
    struct store *store;
    struct store_meta meta;
    struct feed_source sources[STORE_SOURCES];

    /* The accepted copy, parsed, until the index has it; made of what FRESH_COPY says. */
    struct blocklist *fresh;
    unsigned char fresh_copy[SHA256_BYTES];

    /* Its file could not be opened or read for another reason than that it is gone, and until then
     * it is not tried again; 0: it could. What the index has of this feed stays. */
    int64_t unread_until;

    /* What is stored of it could not be read at the start: until then nothing is done with it, or
     * what a person rolled back from would be news; 0: it was. UNLOADED_SINCE: the start, then. */
    int64_t unloaded_until, unloaded_since;

    /* What is in force is known by the saved index only: meta or body were lost. */
    bool adopted;
    unsigned char adopted_copy[SHA256_BYTES];

    bool running;    /* a fetch is under way */
    bool news;       /* and is none: it only looks for what other relays fetched */
    int64_t news_ms; /* when it will, at the latest; mono */
    bool due;        /* now, whatever next_fetch says */
    bool changed;    /* meta is to be saved */
    int64_t saved_at, save_again_at;

    struct feeds_request *waiting; /* for the fetch under way */
    struct feeds_request *again;   /* came while others waited: for one more */
    uint64_t active;               /* entries that block now */
    struct feed_status told;       /* what the loop knows */
    bool stale_logged;             /* that its max_age is over; reloads leave it alone */
    uint64_t looks[FEED_FAILED + 1], guards[FEED_GUARDS]; /* since the start, as in feed_status */

    int64_t logged_at; /* the last thing that was logged, so that it is not said every minute */
    char logged[512];
};

/* Makes the record of a feed and reads what is stored of it; FC and its strings are borrowed until
 * the next feed_configure. NULL with *why. */
struct feed *feed_new(const struct feeds_config *config, const struct feed_config *fc,
                      struct watcher *watcher, struct error *why);
/* Loads what is stored of it, where that could not be read at the start and it is time to look
 * again. False: it still cannot be. */
bool feed_load(struct feed *f, const struct feeds_config *config, struct watcher *watcher,
               int64_t now);
void feed_free(struct feed *f); /* its requests must be gone; NULL is fine */

/* Other settings of the same feed. A URL that changed is fetched at once, without validators. */
void feed_configure(struct feed *f, const struct feeds_config *config, const struct feed_config *fc,
                    struct watcher *watcher);

/* The clock was set, BY so many seconds: what is to last so long does, and nothing waits for a time
 * that is hours away by now. */
void feed_clock_set(struct feed *f, int64_t by_s);

/* The status as it is now. */
void feed_tell(const struct feed *f, struct feed_status *status);

/* Appends what is in force of the accepted copy, ACTIVE entries of it, when the guards would refuse
 * it as its rows are read by now; false: they would not. */
bool feed_add_problem(const struct feed *f, uint64_t active, struct text *to);

/* Appends the keys that say how its rows are read, where they are not as usual: as in
 * feed_status. */
void feed_settings(const struct feed_config *c, struct text *to);

/* Appends the limit by which GUARD refused the last copy, if it has one: whoever looks at that copy
 * wants it judged so. */
void feed_limit(const struct feed_config *c, const char *guard, struct text *to);

/* The digest that the index knows the accepted copy by: that of the list, or of list and cleared
 * list. False: there is nothing that may be in force. */
bool feed_copy(const struct feed *f, unsigned char copy[SHA256_BYTES]);

/*
 * Parses BODY as the list of F into a blocklist with COPY_ACTIVE and COPY_REST, and counts. NULL
 * with *why.
 */
struct blocklist *feed_parse(const struct feed_house *house, const struct feed *f,
                             const struct body *body, struct copy_counts *counts,
                             struct error *why);

/* Is it fetched with a list of cleared addresses? */
static inline bool feed_has_cleared(const struct feed *f)
{
    return f->sources[STORE_CLEARED].url != NULL;
}

/* SRC into DST, cut where it does not fit. */
void feed_text(char *dst, size_t size, const char *src);

/* Throws away what arrived and was not judged, and what the share was asked. */
void feed_drop_result(struct feed_source *s);

/* Nothing is held any more, and the clock of rule 15 stands. */
void feed_forget_held(struct feed *f, unsigned source);

/* What the guards go by of the accepted copy. */
void feed_remember(struct store_source *stored);

/* Is a stored copy gone for good? A disk, a right, a descriptor that is missing for a moment must
 * not cost it. */
bool feed_is_lost(const struct error *why);

/* Logs "WORDS: WHY", escaped. */
void feed_warn(const struct feed *f, const char *words, const struct error *why);

/* What the parser of a feed so configured reads. */
struct feed_options feed_options_of(const struct feeds_config *config, const struct feed_config *c,
                                    const struct suffixes *suffixes);

/* What becomes of its rows; no cleared list yet. All borrowed. */
struct copy_shaping feed_shaping_of(const struct feeds_config *config, const struct feed_config *c,
                                    const struct suffixes *suffixes);

/* Parses BODY as F's cleared list, for its counts. */
int feed_count_cleared(const struct feed_house *house, const struct feed *f,
                       const struct body *body, struct copy_counts *counts, struct error *why);

/* A copy of a source, wherever it is; BORROWED: it is not the caller's to free. */
struct body *feed_open(const struct feed *f, unsigned source, unsigned state, bool *borrowed,
                       struct error *why);

#endif
