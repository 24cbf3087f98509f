/*
 * Any words as a command line, one a line of the input: taken apart or refused with words, nothing
 * read beyond them; and any of them as a duration.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS 64

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_until(const char *word)
{
    struct error why = {0};
    int64_t until = 0;

    if (args_until(view_of(word), 1000, &until, &why) == 0)
        must(until > 1000 && until <= 1000 + INT64_C(3650) * 86400);
    else
        must(why.code == ERR_SYNTAX && why.text[0] != '\0');
}

static bool is_one_of(const char *word, char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (words[i] == word)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS + 2], *argv[WORDS + 2] = {NULL};
    struct view rest = view_make(data, size), word;
    struct args args;
    struct error why = {0};
    int argc = 0;

    words[argc++] = view_dup(view_of("rcptguard"));
    while (argc <= WORDS && view_split(&rest, '\n', &word))
        words[argc++] = view_dup(word);
    memcpy(argv, words, (size_t)argc * sizeof *argv);
    if (args_parse(argc, argv, &args, &why) != 0) {
        must(why.code == ERR_SYNTAX && why.text[0] != '\0');
    } else {
        must(args.n_set <= ARGS_MAX_SET && args.n_operands < (size_t)argc);
        must(args.command == NULL || is_one_of(args.command, words, argc));
        for (size_t i = 0; i < args.n_operands; i++)
            must(is_one_of(args.operands[i], words, argc));
        must(((args.given & ARGS_FOR) != 0) == (args.lasts != NULL));
    }
    for (int i = 0; i < argc; i++) {
        check_until(words[i]);
        free(words[i]);
    }
    return 0;
}
