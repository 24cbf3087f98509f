/* What reload.c needs of a table beyond the door: a task to free it on the disk thread. */
#ifndef LOCAL_TABLE_H
#define LOCAL_TABLE_H

#include "rcptguard/base/task.h"
#include "rcptguard/local.h"

/* All lines are the fleet's. */
void local_table_mark_shared(struct local_table *table);

/* The table's own task, to be posted once, by whoever gives it up; its run frees the table. */
struct task *local_table_retire_task(struct local_table *table);

#endif
