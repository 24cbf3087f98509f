/* A feed's state in one word: for the API, the log and what is stored, which must agree. */
#include "rcptguard/feeds.h"

const char *feed_state_text(enum feed_state state)
{
    switch (state) {
    case FEED_NEVER:
        return "never";
    case FEED_ACCEPTED:
        return "accepted";
    case FEED_UNCHANGED:
        return "unchanged";
    case FEED_HELD:
        return "held";
    case FEED_REFUSED:
        return "refused";
    case FEED_FAILED:
        return "failed";
    }
    return "?";
}
