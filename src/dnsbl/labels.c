/* Names as the DNS takes them. */
#include "labels.h"

static bool is_label_char(char c)
{
    return ascii_alnum(c) || c == '-' || c == '_';
}

static const char *label_fault(struct view label)
{
    if (label.len == 0)
        return "has an empty label; write one dot between labels and none at the ends";
    for (size_t i = 0; i < label.len; i++) {
        if ((unsigned char)label.ptr[i] >= 0x80)
            return "is not ASCII; write it in A-labels (xn--...)";
        if (!is_label_char(label.ptr[i]))
            return "holds a character that is none of a name's; use letters, digits, '-' and '_'";
    }
    if (label.len > LABEL_MAX_BYTES)
        return "has a label of more than 63 bytes; look for a missing dot";
    if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return "has a label that begins or ends with '-'; look for a typing error";
    return NULL;
}

/* In one walk, since each recipient is asked this, for each zone. */
static bool is_name(struct view name)
{
    size_t start = 0;

    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.ptr[i] != '.') {
            if (!is_label_char(name.ptr[i]))
                return false;
        } else if (i == start || i - start > LABEL_MAX_BYTES || name.ptr[start] == '-' ||
                   name.ptr[i - 1] == '-') {
            return false;
        } else {
            start = i + 1;
        }
    }
    return true;
}

const char *labels_fault(struct view name)
{
    if (is_name(name))
        return NULL;

    const char *fault = name.len == 0 ? "is empty" : NULL;
    struct view label;

    while (fault == NULL && view_split(&name, '.', &label))
        fault = label_fault(label);
    return fault;
}

bool labels_are_numeric(struct view name)
{
    struct view last = view_from(name, (size_t)(view_find_last(name, '.') + 1));

    for (size_t i = 0; i < last.len; i++)
        if (!ascii_digit(last.ptr[i]))
            return false;
    return last.len > 0;
}
