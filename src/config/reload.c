/* What a running daemon can change, and what it cannot. */
#include "loaded.h"

int config_can_reload(const struct config *old, const struct config *fresh, struct error *why)
{
    for (size_t i = 0; i < SECTIONS; i++)
        for (size_t k = 0; k < sections[i].n_keys; k++) {
            const struct key *key = &sections[i].keys[k];
            if ((key->flags & KEY_RESTART) != 0 && !key_same(key, old, fresh))
                return error_set(why, ERR_REFUSED, "%s.%s was changed, which needs a restart",
                                 sections[i].name, key->name);
        }
    return 0;
}
