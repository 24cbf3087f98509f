/*
 * The decision: which listing decides, if any. Everything else in this house only gathers evidence;
 * whoever wants to know when a recipient is refused reads this file.
 */
#include "rcptguard/decision.h"

const char *list_action_text(enum list_action action)
{
    switch (action) {
    case ACTION_REJECT:
        return "reject";
    case ACTION_DEFER:
        return "defer";
    case ACTION_OBSERVE:
        break;
    }
    return "observe";
}

const char *outcome_text(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_REJECT:
        return "reject";
    case OUTCOME_DEFER:
        return "defer";
    case OUTCOME_PASS:
        break;
    }
    return "pass";
}

/* Rule 7: the most specific entry, then `local`, then the order of the configuration. */
static bool goes_before(const struct decision_listing *a, const struct decision_listing *b)
{
    if (b == NULL)
        return true;
    if (a->specificity != b->specificity)
        return a->specificity < b->specificity;
    return a->rank < b->rank;
}

/* Of what an exclusion frees from: what refuses first, as it had decided. */
static bool is_overruled_before(const struct decision_listing *a, const struct decision_listing *b)
{
    if (b != NULL && (a->action == ACTION_OBSERVE) != (b->action == ACTION_OBSERVE))
        return b->action == ACTION_OBSERVE;
    return goes_before(a, b);
}

void decision_make(const struct evidence *evidence, struct decision *out)
{
    *out = (struct decision){.outcome = OUTCOME_PASS};
    if (!evidence->parsed)
        return;
    for (unsigned i = 0; i < evidence->n_listings; i++) {
        const struct decision_listing *l = &evidence->listings[i];
        if (l->excluded || evidence->excluded) {
            if (is_overruled_before(l, out->overruled))
                out->overruled = l;
            continue;
        }
        if (l->action == ACTION_OBSERVE) {
            if (goes_before(l, out->observed_by))
                out->observed_by = l;
        } else if (goes_before(l, out->decided_by)) {
            out->decided_by = l;
        }
    }
    if (out->decided_by == NULL)
        return;
    out->outcome = out->decided_by->action == ACTION_DEFER ? OUTCOME_DEFER : OUTCOME_REJECT;
    out->observed = evidence->mode == MODE_OBSERVE;
}
