/*
 * Decision: evidence in, exactly one verdict out; then the reply that Postfix gets and the line
 * that the log gets. Pure. This is the one place where fail-open is decided: whatever is missing,
 * late or broken is DUNNO.
 */
#ifndef RCPTGUARD_DECISION_H
#define RCPTGUARD_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "rcptguard/address.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/error.h"
#include "rcptguard/base/view.h"

enum list_action { ACTION_REJECT, ACTION_DEFER, ACTION_OBSERVE };
enum decision_mode { MODE_ENFORCE, MODE_OBSERVE };
enum outcome { OUTCOME_PASS, OUTCOME_REJECT, OUTCOME_DEFER };

const char *list_action_text(enum list_action action);
const char *outcome_text(enum outcome outcome); /* pass, reject, defer */

/* One list that holds the recipient. */
struct decision_listing {
    struct view list;        /* name */
    unsigned rank;           /* 0: local; else place in the configuration */
    unsigned specificity;    /* place of the matching entry, 0 is the most specific */
    enum list_action action; /* what the list's configuration wants */
    struct view reply;       /* its template */
    enum entry_kind kind;
    struct view key;
    int32_t date; /* days since 1970; 0: none */
    /* Of a DNSBL: its answer ("127.0.1.2") and TXT (bytes from outside; NULL: none), and since when
     * it lists, in seconds since 1970; else "", NULL, 0. */
    char said[16];
    const char *text;
    int64_t since;
    bool excluded; /* freed by an exclusion with list= */
};

struct evidence {
    enum decision_mode mode;
    bool parsed;   /* the recipient is an address with a domain */
    bool excluded; /* a whole exclusion or exempt login or sender: passes, whatever the lists say */
    const struct decision_listing *listings;
    unsigned n_listings;
};

struct decision {
    enum outcome outcome;                       /* what the lists say */
    const struct decision_listing *decided_by;  /* NULL unless the outcome is reject or defer */
    bool observed;                              /* mode observe: Postfix gets DUNNO all the same */
    const struct decision_listing *observed_by; /* an observing list that holds it, or NULL */
    const struct decision_listing *overruled;   /* what had decided but for an exclusion, or NULL */
};

/* Rule 7: listings freed or only observed do not count; the most specific of the rest, then rank.
 */
void decision_make(const struct evidence *evidence, struct decision *out);

/* What a reply may speak of. */
struct reply_words {
    struct view recipient; /* canonical */
    struct view list;
    struct view entry; /* as reports print it */
    struct view date;  /* YYYY-MM-DD or "-" */
    struct view contact;
    struct view ref;
};

#define REPLY_TEXT_MAX 200 /* bytes after the DSN code */
#define ACTION_MAX     256 /* "550 5.7.1 " and the text, with NUL */

/*
 * Fills ACTION with "550 5.7.1 text" or "450 4.7.1 text" (rule 24): printable ASCII, at most
 * REPLY_TEXT_MAX bytes of text, the DSN's class forced to the outcome's, a long recipient
 * shortened in the middle so that contact and ref survive. Never empty, never a bare number.
 */
void reply_build(struct view template, enum outcome outcome, const struct reply_words *words,
                 char action[ACTION_MAX]);

/* Checks a template: unknown variables, ${contact} while CONTACT is empty, control bytes. */
int reply_check(struct view template, struct view contact, struct error *why);

/* What one log line says (rule 28). */
struct log_words {
    const char *label; /* reject; observe: would have been refused; excluded: freed from one list */
    struct view ref, recipient, sender, sasl_username, client, queue_id, instance, list, entry,
        action, evidence; /* of a DNSBL: "127.0.1.2 since TIME"; "" elsewhere */
};
void decision_log_line(struct text *t, const struct log_words *words);

#endif
