/*
 * Runs a fuzz target over files, without a fuzzer: those named on the command line, or all of the
 * directory that CORPUS names. `make check` does this under sanitizers, so that every input that
 * was once interesting stays a test. Prints TAP, one line for the whole corpus.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Into a block of exactly that size, so that a read beyond its end is seen. */
static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0) {
        printf("# %s: %s\n", path, strerror(errno));
        if (file)
            fclose(file);
        return -1;
    }
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size ? size : 1);
    int result = -1;
    if (data && fread(data, 1, size, file) == size) {
        printf("# %s\n", path); /* the last one told is the one that crashed */
        fflush(stdout);
        result = 0;
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    fclose(file);
    return result;
}

static int run_directory(const char *path, int *files)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        printf("# %s: %s\n", path, strerror(errno));
        return -1;
    }
    int result = 0;
    for (int i = 0; i < count; i++) {
        char name[4096];
        int length = snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && length > 0 && (size_t)length < sizeof(name)) {
            result |= run_file(name);
            ++*files;
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

int main(int argc, char **argv)
{
    int files = 0;
    int result = 0;
    /* What every fuzzer begins with. */
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        result |= run_file(argv[i]);
        files++;
    }
    const char *corpus = getenv("CORPUS");
    if (argc == 1 && corpus)
        result |= run_directory(corpus, &files);
    if (files == 0)
        result = -1;
    printf("%sok 1 - %s: %d inputs\n", result ? "not " : "", argv[0], files);
    return result ? 1 : 0;
}
