/* Lets syncs and writes fail below a program that knows nothing of it.
 *
 * LICTREE_FAULTS names a folder. While it holds a file `sync` (or `write`), syncs (or writes) of
 * files whose path ends with the text in it fail with EIO. Each failure is a line of `failed`. While
 * it holds a file `hold`, syncs of such files wait; the first look of each is a line, too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int path_in_faults(char *path, size_t size, const char *name) {
    const char *folder = getenv("LICTREE_FAULTS");
    return folder != NULL && snprintf(path, size, "%s/%s", folder, name) < (int)size;
}

static void tell(const char *call) {
    char path[4096];
    if (!path_in_faults(path, sizeof path, "failed")) return;
    int told = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (told < 0) return;
    dprintf(told, "%s\n", call);
    close(told);
}

static int is_meant(int fd, const char *call) {
    char path[4096], link[64], meant[256] = "";
    if (!path_in_faults(path, sizeof path, call)) return 0;
    int fault = open(path, O_RDONLY);
    if (fault < 0) return 0;
    ssize_t end = read(fault, meant, sizeof meant - 1);
    close(fault);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    return len >= end && end > 0 && memcmp(path + len - end, meant, end) == 0;
}

static int fails(int fd, const char *call) {
    if (!is_meant(fd, call)) return 0;
    tell(call);
    errno = EIO;
    return 1;
}

static void wait_for(int fd) {
    if (!is_meant(fd, "hold")) return;
    tell("hold");
    while (is_meant(fd, "hold")) usleep(10000);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { wait_for(fd); return fails(fd, "sync") ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { wait_for(fd); return fails(fd, "sync") ? -1 : REAL(fdatasync)(fd); }

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
    return fails(fd, "write") ? -1 : REAL(pwrite)(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
    return fails(fd, "write") ? -1 : REAL(pwrite64)(fd, data, len, at);
}
