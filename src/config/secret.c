/* Secrets in files of their own, so that the configuration can be shown around. */
#include <sys/stat.h>

#include "loaded.h"
#include "rcptguard/base/buf.h"
#include "rcptguard/base/file.h"

#define SECRET_MAX_BYTES 4096

int secret_file_check(const char *path, struct error *why)
{
    struct buf text = BUF_INIT(SECRET_MAX_BYTES);
    struct stat st;

    /* Before reading: that it is open to all must be told even where it is ours to read. */
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
        return error_set(why, ERR_REFUSED, "others can read the secret; run chmod o-rwx %s", path);
    int rc = file_read(path, SECRET_MAX_BYTES, &text, why);
    if (rc == 0 && view_trim(buf_view(&text)).len == 0)
        rc = error_set(why, ERR_REFUSED, "%s is empty; write the secret into it", path);
    buf_free(&text);
    return rc;
}
