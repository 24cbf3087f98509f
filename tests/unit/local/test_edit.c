/*
 * Edits with the real disk thread and the test as the loop: in force when they are answered, and
 * the file as it was wherever they are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rcptguard/base/buf.h"
#include "rcptguard/base/clock.h"
#include "rcptguard/base/file.h"
#include "rcptguard/base/log.h"
#include "rcptguard/local.h"
#include "warnings.h"

static const struct address_options options = {"+", true};

static char dir[64];
static struct disk *disk;
static struct queue *loop;

struct side {
    struct local_config config;
    char file[96];
    struct local *local;
    struct local_table *in_force;
    struct local_state state;
    unsigned changes;
};
static struct side sides[2];
static struct side *const exclusions = &sides[LOCAL_EXCLUSIONS];
static struct side *const blocks = &sides[LOCAL_BLOCKS];

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The file, or "-". */
static const char *got(const char *path)
{
    static struct buf text;

    buf_clear(&text);
    buf_add_text(&text, "");
    return file_read(path, 1 << 24, &text, NULL) < 0 ? "-" : text.data == NULL ? "" : text.data;
}

static void assert_no_temp(void)
{
    char command[128];
    snprintf(command, sizeof command, "test -z \"$(find %s -name '.*.edit')\"", dir);
    assert_int_equal(system(command), 0);
}

static void on_change(struct local_table *ex, const struct local_state *state, void *arg)
{
    struct side *s = arg;
    local_retire(s->local, s->in_force);
    s->in_force = ex;
    s->state = *state;
    s->changes++;
}

static void run_loop(void)
{
    struct pollfd fd = {.fd = queue_fd(loop), .events = POLLIN};

    assert_int_equal(poll(&fd, 1, 30000), 1);
    queue_run(loop);
}

struct barrier {
    struct task task, answer;
    bool passed;
};

static void pass_back(struct task *task)
{
    ((struct barrier *)((char *)task - offsetof(struct barrier, answer)))->passed = true;
}

static void pass_on(struct task *task)
{
    queue_post(loop, &((struct barrier *)task)->answer);
}

static void settle(void)
{
    struct barrier b = {.task.run = pass_on, .answer.run = pass_back};

    assert_int_equal(disk_post(disk, &b.task), 0);
    while (!b.passed)
        run_loop();
}

static void start(struct side *s)
{
    s->local = local_new(&s->config, &options, NULL, 0, &s->in_force, &s->state, NULL);
    assert_non_null(s->local);
    assert_int_equal(local_watch(s->local, disk, loop, on_change, s, NULL), 0);
    settle();
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rcptguard-edit-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    for (int kind = 0; kind < 2; kind++) {
        struct side *s = &sides[kind];
        *s = (struct side){.config = {(enum local_kind)kind, s->file, dir}};
        snprintf(s->file, sizeof s->file, "%s/%s", dir, kind == 0 ? "exclusions" : "blocks");
    }
    log_set_sink(keep_warnings, NULL);
    take_warnings();
    disk = disk_start(NULL);
    loop = queue_new(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];

    disk_stop(disk);
    for (int kind = 0; kind < 2; kind++) {
        local_table_free(sides[kind].in_force);
        local_free(sides[kind].local);
    }
    queue_free(loop);
    log_set_sink(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) != 0 || *take_warnings() != '\0';
}

/* ---- edits ---- */

struct answer {
    unsigned count;
    enum local_outcome outcome;
    char why[512], what[64], before[256], after[256];
    unsigned line;
    uint64_t lines;
    bool in_force; /* a line of WHAT, at that moment */
    struct side *side;
};

static bool holds(const struct side *s, const char *what)
{
    for (size_t i = 0; i < local_table_count(s->in_force); i++)
        if (view_is(local_table_at(s->in_force, i)->what, what))
            return true;
    return false;
}

static void copy(char *to, size_t size, struct view v)
{
    struct text t = text_on(to, size);
    text_add_view(&t, v);
}

static void on_done(const struct local_edited *r, void *arg)
{
    struct answer *a = arg;

    a->count++;
    a->outcome = r->outcome;
    a->line = r->line;
    a->lines = r->lines;
    strcpy(a->why, r->outcome >= LOCAL_EDIT_ABSENT ? r->why.text : "");
    copy(a->what, sizeof a->what, r->what);
    copy(a->before, sizeof a->before, r->before);
    copy(a->after, sizeof a->after, r->after);
    a->in_force = holds(a->side, a->what);
}

static struct answer post(struct side *s, const struct local_edit *edit)
{
    struct answer a = {.side = s};

    assert_int_equal(local_edit(s->local, edit, on_done, &a), 0);
    while (a.count == 0)
        run_loop();
    return a;
}

static struct answer do_edit(struct side *s, enum local_action action, const char *what)
{
    struct local_edit edit = {
        .action = action, .what = view_of(what), .by = view_of("ann"), .now = clock_now()};
    return post(s, &edit);
}

static void assert_refused(struct answer a, const char *words)
{
    if (a.outcome != LOCAL_EDIT_FAILED || strstr(a.why, words) == NULL)
        fail_msg("outcome %d: %s; expected %s", a.outcome, a.why, words);
    assert_int_equal(a.count, 1);
    assert_no_temp();
}

static void test_in_force_when_answered(void **state)
{
    (void)state;
    put(exclusions->file, "# head\na@example.org\n");
    start(exclusions);
    start(blocks);
    for (int i = 0; i < 50; i++) {
        struct side *s = &sides[i % 2];
        struct answer a = do_edit(s, LOCAL_ADD, "Jane@example.org");
        assert_int_equal(a.outcome, LOCAL_EDIT_ADDED);
        assert_true(a.in_force);
        assert_string_equal(a.what, "jane@example.org");
        assert_true(strncmp(a.after, "jane@example.org by=ann at=", 27) == 0);
        assert_int_equal(a.line, s == blocks ? 1 : 3);

        a = do_edit(s, LOCAL_ADD, "jane@example.org");
        assert_int_equal(a.outcome, LOCAL_EDIT_NOTHING);

        a = do_edit(s, LOCAL_REMOVE, "jane@example.org");
        assert_int_equal(a.outcome, LOCAL_EDIT_CHANGED);
        assert_false(a.in_force);
        assert_int_equal(a.lines, 1);
        assert_true(strncmp(a.before, "jane@example.org by=ann at=", 27) == 0);

        a = do_edit(s, LOCAL_REMOVE, "jane@example.org");
        assert_int_equal(a.outcome, LOCAL_EDIT_ABSENT);
    }
    assert_string_equal(got(exclusions->file), "# head\na@example.org\n");
    assert_string_equal(got(blocks->file), "");
    assert_no_temp();
}

/* Blocks begin with the first one; a file of them that vanishes is news. */
static void test_blocks_without_a_file(void **state)
{
    (void)state;
    char copy_file[96];

    start(blocks);
    assert_false(blocks->state.missing);
    assert_int_equal(local_table_count(blocks->in_force), 0);
    assert_string_equal(take_warnings(), "");
    assert_int_equal(do_edit(blocks, LOCAL_REMOVE, "x@example.org").outcome, LOCAL_EDIT_ABSENT);
    assert_string_equal(got(blocks->file), "-");
    struct answer a = do_edit(blocks, LOCAL_ADD, ".example.org");
    assert_int_equal(a.outcome, LOCAL_EDIT_ADDED);
    struct stat st;
    assert_int_equal(stat(blocks->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    settle();
    snprintf(copy_file, sizeof copy_file, "%s/blocks.good", dir);
    assert_true(strncmp(got(copy_file), "# sum of what follows: ", 23) == 0);
    struct view copy = view_of(got(copy_file)), sum;
    assert_true(view_split(&copy, '\n', &sum) && strncmp(copy.ptr, ".example.org by=ann", 19) == 0);

    unsigned before = blocks->changes;
    unlink(blocks->file);
    while (blocks->changes == before)
        run_loop();
    assert_true(blocks->state.missing);
    assert_true(holds(blocks, ".example.org"));
    assert_non_null(strstr(take_warnings(), "the blocks read before stay in force (1)"));

    /* What is in force is what the next edit is made on. */
    a = do_edit(blocks, LOCAL_ADD, "b@example.org");
    assert_int_equal(a.outcome, LOCAL_EDIT_ADDED);
    assert_int_equal(a.line, 2);
    assert_false(blocks->state.missing);
    assert_int_equal(local_table_count(blocks->in_force), 2);
}

/* Whole, as by rename: a look for an earlier event never sees it half written. */
static void replace(const char *text)
{
    char fresh[96];

    snprintf(fresh, sizeof fresh, "%s/editor.tmp", dir);
    put(fresh, text);
    assert_int_equal(rename(fresh, exclusions->file), 0);
}

/* Saved a moment before: the edit must not wait for the watcher to see it. */
static void test_what_is_in_the_file_counts(void **state)
{
    (void)state;
    put(exclusions->file, "");
    start(exclusions);
    replace("a@example.org\n");
    struct answer a = do_edit(exclusions, LOCAL_ADD, "a@example.org");
    assert_int_equal(a.outcome, LOCAL_EDIT_NOTHING);
    assert_true(a.in_force);
    replace("b@example.org\n");
    a = do_edit(exclusions, LOCAL_ADD, "c@example.org");
    assert_int_equal(a.outcome, LOCAL_EDIT_ADDED);
    assert_true(a.in_force);
    assert_true(holds(exclusions, "b@example.org"));
}

static void test_bad_edit_comes_back(void **state)
{
    (void)state;
    start(exclusions);
    take_warnings();
    struct answer a = do_edit(exclusions, LOCAL_ADD, "*");
    assert_int_equal(a.outcome, LOCAL_EDIT_BAD);
    assert_non_null(strstr(a.why, "whole world"));
    assert_string_equal(got(exclusions->file), "-");
}

static void test_mode_group_and_link_are_kept(void **state)
{
    (void)state;
    char target[96];
    struct stat st;

    mkdir(strcat(strcpy(target, dir), "/real"), 0755);
    strcat(target, "/list");
    put(target, "");
    chmod(target, 0604);
    if (geteuid() == 0)
        assert_int_equal(chown(target, (uid_t)-1, 4711), 0);
    assert_int_equal(symlink("real/list", exclusions->file), 0);
    start(exclusions);
    assert_int_equal(do_edit(exclusions, LOCAL_ADD, "a@example.org").outcome, LOCAL_EDIT_ADDED);
    assert_int_equal(lstat(exclusions->file, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(target, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    if (geteuid() == 0)
        assert_int_equal(st.st_gid, 4711);
    else
        print_message("not root: whether the group is kept was not tried\n");
    assert_no_temp();
}

static void test_foreign_files_are_refused(void **state)
{
    (void)state;
    char elsewhere[96];

    if (geteuid() != 0) {
        print_message("not root: skipped\n");
        skip();
    }
    put(exclusions->file, "a@example.org\n");
    start(exclusions);
    assert_int_equal(chown(exclusions->file, 4711, (gid_t)-1), 0);
    assert_refused(do_edit(exclusions, LOCAL_ADD, "b@example.org"), "as root: chown 0 ");
    assert_int_equal(chown(exclusions->file, 0, (gid_t)-1), 0);
    assert_int_equal(chown(dir, 4711, (gid_t)-1), 0);
    assert_refused(do_edit(exclusions, LOCAL_REMOVE, "a@example.org"), "not the daemon's own");
    assert_int_equal(chown(dir, 0, (gid_t)-1), 0);
    assert_string_equal(got(exclusions->file), "a@example.org\n");

    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", dir);
    put(elsewhere, "a@example.org\n");
    assert_int_equal(chown(elsewhere, 4711, (gid_t)-1), 0);
    unlink(exclusions->file);
    assert_int_equal(symlink(elsewhere, exclusions->file), 0);
    assert_refused(do_edit(exclusions, LOCAL_ADD, "b@example.org"), "it is a symlink to ");
    unlink(elsewhere);
    assert_refused(do_edit(exclusions, LOCAL_ADD, "b@example.org"), "symlink to nothing");
    unlink(exclusions->file);
    mkdir(exclusions->file, 0755);
    assert_refused(do_edit(exclusions, LOCAL_ADD, "b@example.org"), "not a regular file");
    assert_true(holds(exclusions, "a@example.org"));
    take_warnings();
}

/* Who must tell them from what a hand took out believes in this number. */
static void test_lines_that_edits_took_out(void **state)
{
    (void)state;
    struct rlimit old, tight;

    put(exclusions->file, "a@example.org\nb@example.org\nb@example.org list=x\n");
    start(exclusions);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = 1;
    setrlimit(RLIMIT_FSIZE, &tight);
    struct answer a = do_edit(exclusions, LOCAL_REMOVE, "b@example.org");
    setrlimit(RLIMIT_FSIZE, &old);
    assert_refused(a, "the file is as it was");
    assert_true(local_removing(exclusions->local) == 0);
    assert_true(local_removed(exclusions->local) == 0);
    assert_int_equal(do_edit(exclusions, LOCAL_REMOVE, "b@example.org").lines, 2);
    assert_int_equal(do_edit(exclusions, LOCAL_ADD, "c@example.org").outcome, LOCAL_EDIT_ADDED);
    assert_true(local_removing(exclusions->local) == 2);
    assert_true(local_removed(exclusions->local) == 2);
    take_warnings();
}

/* A limit on file sizes fails as a full disk does: in the midst of the write. */
static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit old, tight;
    char text[4096] = "# ";

    memset(text + 2, 'x', sizeof text - 4);
    text[sizeof text - 2] = '\n';
    put(exclusions->file, text);
    start(exclusions);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = old;
    tight.rlim_cur = sizeof text - 1; /* the old text fits */
    setrlimit(RLIMIT_FSIZE, &tight);
    struct answer a = do_edit(exclusions, LOCAL_ADD, "b@example.org");
    setrlimit(RLIMIT_FSIZE, &old);
    assert_refused(a, "the file is as it was");
    assert_string_equal(got(exclusions->file), text);
    assert_int_equal(do_edit(exclusions, LOCAL_ADD, "b@example.org").outcome, LOCAL_EDIT_ADDED);
}

static void test_locked_by_others(void **state)
{
    (void)state;
    put(exclusions->file, "a@example.org\n");
    start(exclusions);
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_refused(do_edit(exclusions, LOCAL_ADD, "b@example.org"), "holds the lock");
    close(fd);

    /* Somebody is in the midst of writing. */
    fd = open(exclusions->file, O_RDONLY);
    bool leases = fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
    close(fd);
    if (!leases) {
        print_message("no leases on this file system: a writer cannot be told\n");
        return;
    }
    fd = open(exclusions->file, O_WRONLY);
    assert_refused(do_edit(exclusions, LOCAL_ADD, "b@example.org"), "being written");
    close(fd);
    assert_int_equal(do_edit(exclusions, LOCAL_ADD, "b@example.org").outcome, LOCAL_EDIT_ADDED);
}

static void test_left_over_of_a_crash(void **state)
{
    (void)state;
    char temp[96];

    put(exclusions->file, "a@example.org\n");
    snprintf(temp, sizeof temp, "%s/.exclusions.edit", dir);
    put(temp, "half a li");
    start(exclusions);
    assert_int_equal(do_edit(exclusions, LOCAL_ADD, "b@example.org").outcome, LOCAL_EDIT_ADDED);
    assert_no_temp();
}

static void test_what_an_editor_threw_away(void **state)
{
    (void)state;
    put(exclusions->file, "a@example.org\n");
    start(exclusions);
    do_edit(exclusions, LOCAL_ADD, "b@example.org");
    do_edit(exclusions, LOCAL_ADD, "c@example.org");
    do_edit(exclusions, LOCAL_REMOVE, "c@example.org");
    settle();
    assert_string_equal(take_warnings(), "");
    unsigned before = exclusions->changes;
    replace("a@example.org\nd@example.org\n");
    while (exclusions->changes == before)
        run_loop();
    const char *said = take_warnings();
    assert_non_null(strstr(said, "b@example.org, which ann excluded at 20"));
    assert_non_null(strstr(said, "exclude it again"));
    assert_null(strstr(said, "c@example.org"));

    /* Once; and also when the next edit is the first to see it. */
    do_edit(exclusions, LOCAL_ADD, "e@example.org");
    assert_string_equal(take_warnings(), "");
    replace("a@example.org\n");
    do_edit(exclusions, LOCAL_ADD, "f@example.org");
    assert_non_null(strstr(take_warnings(), "e@example.org, which ann excluded at 20"));
}

#define SAVES 300

/*
 * An editor that knows nothing of locks saves at every moment of an edit: what it saved last is
 * never lost, and no line is ever broken.
 */
static void test_editor_saves_in_between(void **state)
{
    (void)state;
    char text[64], comment[32], what[64];
    unsigned both = 0;

    put(exclusions->file, "keep@example.org\n");
    start(exclusions);
    for (int i = 0; i < 2 * SAVES; i++) {
        struct answer a = {.side = exclusions};
        snprintf(what, sizeof what, "u%d@example.org", i);
        struct local_edit edit = {.what = view_of(what), .now = clock_now()};
        snprintf(comment, sizeof comment, "# save %d\n", i);
        snprintf(text, sizeof text, "keep@example.org\n%s", comment);
        assert_int_equal(local_edit(exclusions->local, &edit, on_done, &a), 0);
        for (volatile int spin = 0; spin < i % SAVES * 1000; spin++)
            ;
        replace(text);
        while (a.count == 0)
            run_loop();
        assert_int_equal(a.outcome, LOCAL_EDIT_ADDED);
        const char *now = got(exclusions->file);
        if (strstr(now, comment) == NULL)
            fail_msg("save %d is lost: %s", i, now);
        both += strstr(now, what) != NULL;
        assert_true(holds(exclusions, "keep@example.org"));
        assert_int_equal(local_table_left_out(exclusions->in_force), 0);
    }
    assert_int_not_equal(both, 0);
    assert_no_temp();
    take_warnings();
}

/* Rewrites what it just read, under the lock: a process, as locks of one process never meet. */
static void rewrite_under_the_lock(void)
{
    for (int i = 0; i < SAVES; i++) {
        int fd = open(dir, O_RDONLY | O_DIRECTORY);
        if (fd < 0 || flock(fd, LOCK_EX) != 0)
            _exit(1);
        char text[65536];
        snprintf(text, sizeof text, "%s# %d\n", got(exclusions->file), i);
        replace(text);
        close(fd);
        usleep(100);
    }
    _exit(0);
}

static void test_nothing_of_ours_is_lost(void **state)
{
    (void)state;
    int status = -1;
    char what[64];
    unsigned n = 0;

    put(exclusions->file, "# head\n");
    start(exclusions);
    pid_t editor = fork();
    assert_true(editor >= 0);
    if (editor == 0)
        rewrite_under_the_lock();
    while (n < 100 || waitpid(editor, &status, WNOHANG) == 0) {
        snprintf(what, sizeof what, "u%u@example.org", n);
        struct answer a = do_edit(exclusions, LOCAL_ADD, what);
        if (a.outcome != LOCAL_EDIT_ADDED)
            fail_msg("%s", a.why);
        assert_true(a.in_force);
        n++;
    }
    assert_int_equal(status, 0);
    do_edit(exclusions, LOCAL_ADD, "last@example.org");
    assert_int_equal(local_table_count(exclusions->in_force), n + 1);
    assert_int_equal(local_table_left_out(exclusions->in_force), 0);
    const char *text = got(exclusions->file);
    unsigned comments = 0;
    for (const char *at = text; (at = strstr(at, "# ")) != NULL; at += 2)
        comments++;
    assert_int_equal(comments, SAVES + 1);
    assert_string_equal(take_warnings(), "");
}

/* Many at once: each is answered once, in order, and what is not answered is freed. */
static void test_many_at_once(void **state)
{
    (void)state;
    static struct answer answers[200];
    char what[64];

    put(exclusions->file, "");
    start(exclusions);
    for (unsigned i = 0; i < 200; i++) {
        answers[i] = (struct answer){.side = exclusions};
        snprintf(what, sizeof what, "u%u@example.org", i);
        struct local_edit edit = {.what = view_of(what), .now = clock_now()};
        assert_int_equal(local_edit(exclusions->local, &edit, on_done, &answers[i]), 0);
    }
    while (answers[99].count == 0)
        run_loop();
    for (unsigned i = 0; i < 100; i++)
        assert_true(answers[i].count == 1 && answers[i].in_force);
    /* The loop stops here: teardown runs the rest on the disk thread, and frees them. */
}

int main(void)
{
#define EDIT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        EDIT_TEST(test_in_force_when_answered),
        EDIT_TEST(test_blocks_without_a_file),
        EDIT_TEST(test_what_is_in_the_file_counts),
        EDIT_TEST(test_bad_edit_comes_back),
        EDIT_TEST(test_mode_group_and_link_are_kept),
        EDIT_TEST(test_foreign_files_are_refused),
        EDIT_TEST(test_lines_that_edits_took_out),
        EDIT_TEST(test_full_disk),
        EDIT_TEST(test_locked_by_others),
        EDIT_TEST(test_left_over_of_a_crash),
        EDIT_TEST(test_what_an_editor_threw_away),
        EDIT_TEST(test_editor_saves_in_between),
        EDIT_TEST(test_nothing_of_ours_is_lost),
        EDIT_TEST(test_many_at_once),
    };
    return cmocka_run_group_tests_name("local/edit", tests, NULL, NULL);
}
