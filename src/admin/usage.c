/* Memory and descriptors of this process: looked at on the disk thread, kept for the loop. */
#include "usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "request.h"

/* The loop's, but for FOUND while the disk thread looks. */
struct usage {
    struct task task;
    struct admin *admin; /* NULL: gone */
    struct queue *loop;
    bool looking;
    struct usage_numbers known, found;
};

static bool read_memory(struct usage_numbers *found)
{
    uint64_t pages[2], page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL)
        return false;
    int n = fscanf(file, "%" SCNu64 " %" SCNu64, &pages[0], &pages[1]);
    fclose(file);
    if (n != 2)
        return false;
    found->virtual_bytes = pages[0] * page;
    found->resident_bytes = pages[1] * page;
    return true;
}

static bool count_fds(struct usage_numbers *found)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;

    if (dir == NULL)
        return false;
    found->open_fds = 0;
    while ((entry = readdir(dir)) != NULL)
        found->open_fds += entry->d_name[0] != '.';
    found->open_fds--; /* that of the directory */
    closedir(dir);
    return true;
}

/* On the loop. */
static void take(struct task *task)
{
    struct usage *u = (struct usage *)task;

    u->looking = false;
    u->known = u->found;
    if (u->admin == NULL)
        free(u);
}

/* On the disk thread. */
static void look(struct task *task)
{
    struct usage *u = (struct usage *)task;

    u->found.known = read_memory(&u->found) && count_fds(&u->found);
    u->task.run = take;
    queue_post(u->loop, &u->task);
}

static void ask(struct usage *u, struct disk *disk)
{
    u->task.run = look;
    u->looking = disk_post(disk, &u->task) == 0;
}

struct usage_numbers usage_now(struct admin *a)
{
    if (a->house->disk == NULL)
        return (struct usage_numbers){.known = false};
    if (a->usage == NULL) {
        a->usage = calloc(1, sizeof *a->usage);
        if (a->usage == NULL)
            return (struct usage_numbers){.known = false};
        a->usage->admin = a;
        a->usage->loop = a->house->loop;
    }
    if (!a->usage->looking)
        ask(a->usage, a->house->disk);
    return a->usage->known;
}

void usage_forget(struct admin *a)
{
    if (a->usage == NULL)
        return;
    a->usage->admin = NULL;
    if (!a->usage->looking)
        free(a->usage);
    a->usage = NULL;
}
