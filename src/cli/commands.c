/* The table of commands and their help: see commands.h. */
#include "commands.h"

#include <string.h>

#include "rcptguard/base/nearest.h"

#define EDIT (ARGS_UNTIL | ARGS_FOR | ARGS_TICKET | ARGS_NOTE | ARGS_FORCE)

static const struct command commands[] = {
    {"check", "ADDRESS... [--sender A]", "what the daemon answers for a recipient now, and why",
     ARGS_SENDER, 1, EVERY_OPERAND, cli_check, false, "The help desk",
     "Shows the verdict, what was looked up, the exclusion or the lists that hold the address,\n"
     "what DNS zones said, the reply that a sender would see, and what to type next. Addresses "
     "may\n"
     "stand in < > as in a log. With --json one object a line.\n"
     "Exit status: 0 none is blocked, 1 some are, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard check jane.doe@example.org\n"
     "  rcptguard check --sender bulk@example.com jane.doe@example.org john@example.net\n"},
    {"why", "REF", "the decision behind the reference in a bounce", 0, 1, 1, cli_why, false, NULL,
     "REF is what a refused sender was told to quote. Shows the decision then, and what would\n"
     "happen now. Where relays share events through Redis, any of them knows the references of "
     "all.\n"
     "Exit status: 0, 1 no such reference (they are kept for a while only), 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard why 7K2M4QX\n"
     "  rcptguard why 7K2M4QX --json | jq -r .recipient\n"},
    {"exclude", "WHAT [OPTION...]", "let mail through: add a line to the exclusion file",
     EDIT | ARGS_LIST, 1, 1, cli_exclude, false, NULL,
     "WHAT is user@example.org, example.org, .example.org (and all below it), *.example.org (only\n"
     "below it), login:NAME or sender:WHAT. In force when the command returns. What is excluded\n"
     "already is merged into one line, with the later end and the wider set of lists. It is said\n"
     "of an address whether mail flows now: another list may still block it.\n"
     "  --for 30d         so long from now, or\n"
     "  --until DATE      through that day: 2030-12-31, or 2030-12-31T12:00Z; else for ever\n"
     "  --list A,B        only against these lists\n"
     "  --ticket T        the number of the case\n"
     "  --note TEXT       why\n"
     "  --force           also a big provider or a public suffix as a whole (admins only)\n"
     "Exit status: 0 changed, 1 nothing changed, 2 trouble.\n"
     "\nExamples:\n"
     "  rcptguard exclude jane.doe@example.org --for 30d --ticket INC4711\n"
     "  rcptguard exclude .example.ac.uk --list aper --note 'phoned their postmaster'\n"},
    {"unexclude", "WHAT [--list A,B]", "let the lists decide again: take the line out", ARGS_LIST,
     1, 1, cli_unexclude, false, NULL,
     "Takes out every line of WHAT; with --list only these lists are taken off the lines that "
     "name\n"
     "them, and a line goes when it names no other.\n"
     "Exit status: 0 changed, 1 there is no such line, 2 trouble.\n"
     "\nExamples:\n"
     "  rcptguard unexclude jane.doe@example.org\n"
     "  rcptguard unexclude vendor@example.com --list aper\n"},
    {"exclusions", "[--prune]", "what is excluded, until when and by whom", ARGS_PRUNE, 0, 0,
     cli_exclusions, false, NULL,
     "What has expired frees nobody any more and is shown until it is taken out.\n"
     "  --prune           takes out what has expired (admins only)\n"
     "Exit status: 0, with --prune 1 when there was nothing to take out, 2 trouble.\n"
     "\nExamples:\n"
     "  rcptguard exclusions\n"
     "  rcptguard exclusions --json | jq -r '.exclusions[] | select(.expired) | .what'\n"},
    {"history", "ADDRESS", "when which list added or dropped it", 0, 1, 1, cli_history, false, NULL,
     "For the address and for the domain entries that hold it, newest last. What a DNS zone lists "
     "is\n"
     "known from the first question on.\n"
     "Exit status: 0 some list held it, 1 never listed as far as is known, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard history jane.doe@example.org\n"
     "  rcptguard history jane.doe@example.org --json | jq '.history[-1]'\n"},
    {"block", "WHAT [OPTION...]", "refuse mail to it, in force at once (admins only)", EDIT, 1, 1,
     cli_block, false, "The security desk",
     "WHAT is user@example.org, example.org, .example.org or *.example.org. A line in the file of\n"
     "local blocks, the list that comes before all others; an exclusion still wins.\n"
     "  --for 30d         so long from now, or\n"
     "  --until DATE      through that day: 2030-12-31, or 2030-12-31T12:00Z; else for ever\n"
     "  --ticket T        the number of the case\n"
     "  --note TEXT       why\n"
     "  --force           also a protected domain or a public suffix\n"
     "Exit status: 0 changed, 1 nothing changed, 2 trouble.\n"
     "\nExamples:\n"
     "  rcptguard block account-verify@example.com --note 'reply address of a phish'\n"
     "  rcptguard block .example.net --for 7d --ticket SEC42\n"},
    {"unblock", "WHAT", "take a local block out (admins only)", 0, 1, 1, cli_unblock, false, NULL,
     "Exit status: 0 changed, 1 there is no such line, 2 trouble.\n"
     "\nExamples:\n"
     "  rcptguard unblock account-verify@example.com\n"
     "  rcptguard unblock .example.net\n"},
    {"blocks", "[--prune]", "what is blocked here, until when and by whom", ARGS_PRUNE, 0, 0,
     cli_blocks, false, NULL,
     "  --prune           takes out what has expired (admins only)\n"
     "Exit status: 0, with --prune 1 when there was nothing to take out, 2 trouble.\n"
     "\nExamples:\n"
     "  rcptguard blocks\n"
     "  rcptguard blocks --prune\n"},
    {"feeds", "[--names]", "the state of each list, and what to type where one is not well",
     ARGS_NAMES, 0, 0, cli_feeds, false, "The lists",
     "Entries are those of the copy in force, active those that block now; left out are public\n"
     "suffixes and protected domains. Below the table: what happened to a list, what is in force\n"
     "meanwhile, when it ends by itself, and what to type. DNS zones have a table of their own: "
     "on,\n"
     "off (it blocks nobody then) or still probing, questions sent, answers that list, and "
     "errors.\n"
     "  --names           only the names, one a line, without a word when they cannot be had: "
     "what\n"
     "                    the completions of shells ask\n"
     "Exit status: 0, 1 some failed to be fetched or some zone is off, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard feeds\n"
     "  rcptguard feeds --json | jq '.feeds[] | select(.held)'\n"},
    {"refresh", "[LIST...]", "fetch lists and probe DNS zones now, and wait", 0, 0, EVERY_OPERAND,
     cli_refresh, false, NULL,
     "LIST is a feed or a DNS zone; without it all of them. Returns when what was accepted is in\n"
     "force, and when the zone was probed: it is on, needs another good probe, or is off.\n"
     "Exit status: 0, 1 some fetch failed or some zone is off, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard refresh\n"
     "  rcptguard refresh aper dbl\n"},
    {"accept", "FEED", "take the copy that a guard holds (admins only)", 0, 1, 1, cli_accept, false,
     NULL,
     "For root and members of [admin] admin_group. Look at `rcptguard feeds` first: it says why\n"
     "the copy is held. A DNS zone holds no copies.\n"
     "Exit status: 0 taken, 1 nothing is held or it failed, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard accept aper\n"
     "  rcptguard -c /etc/rcptguard/rcptguard.conf accept aper\n"},
    {"rollback", "FEED", "go back to the copy before the last one taken (admins only)", 0, 1, 1,
     cli_rollback, false, NULL,
     "For root and members of [admin] admin_group. The copy rolled back from waits as held until\n"
     "its content changes or `rcptguard accept` takes it again. A DNS zone holds no copies.\n"
     "Exit status: 0 done, 1 there is no copy before this one or it failed, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard rollback aper\n"
     "  rcptguard rollback aper --json | jq .active\n"},
    {"status", "[--fleet]", "health at a glance", ARGS_FLEET, 0, 0, cli_status, false, "The daemon",
     "  --fleet           of each relay that shares through Redis: what it has, when it was seen\n"
     "Exit status: 0 all is well, 1 degraded (the reasons are shown), 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard status\n"
     "  rcptguard status --fleet\n"
     "  rcptguard status --json | jq -r '.reasons[]'\n"},
    {"top", "[--fleet]", "most refused recipients, domains, senders and lists", ARGS_FLEET, 0, 0,
     cli_top, false, NULL,
     "Of the last hour and the last day, as far as the daemon has been up. What was only\n"
     "observed counts, too.\n"
     "  --fleet           of all relays that share events through Redis\n"
     "Exit status: 0, 2 could not ask.\n"
     "\nExamples:\n"
     "  rcptguard top\n"
     "  rcptguard top --json | jq '.hour.senders'\n"},
    {"events", "[OPTION...]", "decisions as they happen", ARGS_FOLLOW | ARGS_ALL | ARGS_FLEET, 0, 0,
     cli_events, false, NULL,
     "Refusals until ^C: time, outcome, recipient, list, who sent it, reference. A reader\n"
     "that is too slow loses events and is told so.\n"
     "  --follow          may be left out: there is nothing else to do\n"
     "  --all             also mail that passes\n"
     "  --fleet           refusals of all relays that share events through Redis\n"
     "Exit status: 0 ended by ^C, 2 could not ask, or the daemon went away.\n"
     "\nExamples:\n"
     "  rcptguard events --follow\n"
     "  rcptguard events --fleet --json | jq -r '.relay // empty'\n"
     "  rcptguard events --all --json | jq -r '.recipient // empty'\n"},
    {"lint", "[--format F] FILE...",
     "check an exclusion or block file, or a list, without a daemon",
     ARGS_FORMAT | ARGS_SET | ARGS_BLOCKS, 0, EVERY_OPERAND, cli_lint, true, "Files",
     "Without --format FILE is read as an exclusion file, with it as the first copy of a feed of\n"
     "that format: what is wrong, line by line, what it holds, and whether the guards would take\n"
     "it. - is the standard input.\n"
     "  --blocks          FILE is a file of local blocks; so is [blocks] file of -c\n"
     "  --format list     the formats, what their rows look like and mean, and their keys\n"
     "  --set KEY=VALUE   a key of [feed ...] that the format or the guards read; may repeat\n"
     "  -c FILE           [addresses], [protect] and the names of lists from this configuration\n"
     "Exit status: 0 no problems (warnings are none), 1 problems, 2 could not read.\n"
     "\nExamples:\n"
     "  rcptguard lint /etc/rcptguard/local/exclusions\n"
     "  rcptguard lint --blocks /etc/rcptguard/local/blocks\n"
     "  curl -fsSL https://lists.example.org/list | rcptguard lint --format aper -\n"
     "  rcptguard lint --format entries --set apex=yes my-list\n"},
};

#define COMMANDS (sizeof commands / sizeof *commands)

size_t command_count(void)
{
    return COMMANDS;
}

const struct command *command_at(size_t i)
{
    return i < COMMANDS ? &commands[i] : NULL;
}

const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

const char *command_nearest(const char *name)
{
    const char *names[COMMANDS + 1];

    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    names[COMMANDS] = "help";
    return nearest_name(view_of(name), names, COMMANDS + 1);
}

void command_print_all(FILE *to)
{
    fputs("rcptguard asks rcptguardd, the policy daemon that keeps mail from blocklisted\n"
          "recipients.\n\nUsage: rcptguard [OPTION...] COMMAND [OPERAND...]\n",
          to);
    for (size_t i = 0; i < COMMANDS; i++) {
        int pad = 30 - (int)strlen(commands[i].name) - (int)strlen(commands[i].operands);
        if (commands[i].group != NULL)
            fprintf(to, "\n%s:\n", commands[i].group);
        fprintf(to, "  %s %s%*s%s\n", commands[i].name, commands[i].operands, pad, "",
                commands[i].does);
    }
    fputs("\n  help [COMMAND]                 this text, or a command's, with examples\n"
          "\nOptions, before or after the command:\n"
          "  -s, --socket SOCKET   the daemon's admin socket (" CLI_DEFAULT_SOCKET ")\n"
          "  -c, --config FILE     take the socket from this configuration\n"
          "      --json            print the daemon's JSON as it is\n"
          "  -h, --help            help, of a command when one is named\n"
          "  -V, --version         the version\n",
          to);
}

void command_print(FILE *to, const struct command *command)
{
    fprintf(to, "Usage: rcptguard %s%s%s\n\n%s: %s.\n%s", command->name,
            command->operands[0] == '\0' ? "" : " ", command->operands, command->name,
            command->does, command->help);
}
