/* Edits of the two files. */
#include "rcptguard/local.h"

const char *local_kind_text(enum local_kind kind)
{
    return kind == LOCAL_BLOCKS ? "blocks" : "exclusions";
}

int local_edit(struct local *l, const struct local_edit *edit, local_edit_done *done, void *arg)
{
    (void)l, (void)edit, (void)done, (void)arg;
    return ERR_LIMIT;
}
