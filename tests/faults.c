/* Preloaded into a test's process: after so many calls, the next write or sync fails, or is the last one made.
   It can also write down all that is written to the files of a folder, so that a power loss can be played, and
   let each sync take so much longer, as on slower disks. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { WRITES = 1, SYNCS = 2 };

static int armed, left, kinds, how;
int faults_fired;

/* After `calls` more calls of these kinds: fail with errno `what`, or where it is negative raise signal -what. */
void faults_arm(int calls, int which, int what) {
    left = calls;
    kinds = which;
    how = what;
    faults_fired = 0;
    armed = 1;
}

void faults_disarm(void) { armed = 0; }

static int strikes(int kind) {
    if (!armed || !(kind & kinds) || left-- > 0) return 0;
    armed = 0;
    faults_fired = 1;
    if (how < 0) {
        raise(-how);
        return 0;
    }
    errno = how;
    return 1;
}

/* The delay: how many microseconds each sync takes beyond its own time. */

static int delay;

void faults_delay(int microseconds) { delay = microseconds; }

static void slow(void) {
    struct timespec rest = {delay / 1000000, delay % 1000000 * 1000L};
    while (delay && nanosleep(&rest, &rest)) continue;
}

/* The trace: a line `<what> <offset> <size> <path>` each, followed by the bytes of a write. */

static FILE *trace;
static const char *folder;

void faults_trace(const char *file, const char *below) {
    folder = below;
    trace = file ? fopen(file, "wb") : (trace ? fclose(trace), NULL : NULL);
}

static void line(char what, long at, const void *data, size_t size, const char *path) {
    flockfile(trace);
    fprintf(trace, "%c %ld %zu %s\n", what, at, size, path);
    if (data) fwrite(data, 1, size, trace);
    funlockfile(trace);
}

void faults_mark(long acknowledged) {
    if (trace) line('A', acknowledged, NULL, 0, "-");
}

static void note(char what, int fd, long at, const void *data, size_t size) {
    char link[64], path[4096];
    if (!trace) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (!strncmp(path, folder, strlen(folder))) line(what, at < 0 ? lseek(fd, 0, SEEK_CUR) : at, data, size, path);
}

#define REAL(name, result, kind, parameters, arguments, noted)             \
    result name parameters {                                               \
        static result(*real) parameters;                                   \
        if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);   \
        if (strikes(kind)) return -1;                                      \
        noted;                                                             \
        return real arguments;                                             \
    }

REAL(fsync, int, SYNCS, (int fd), (fd), note('S', fd, 0, NULL, 0); slow())
REAL(fdatasync, int, SYNCS, (int fd), (fd), note('S', fd, 0, NULL, 0); slow())
REAL(rename, int, WRITES, (const char *from, const char *to), (from, to),
     if (trace) { line('R', 0, NULL, 0, from); line('r', 0, NULL, 0, to); })
REAL(unlink, int, 0, (const char *path), (path), if (trace) line('U', 0, NULL, 0, path))
REAL(ftruncate, int, WRITES, (int fd, off_t size), (fd, size), note('T', fd, size, NULL, 0))
REAL(ftruncate64, int, WRITES, (int fd, off64_t size), (fd, size), note('T', fd, size, NULL, 0))
REAL(write, ssize_t, 0, (int fd, const void *data, size_t size), (fd, data, size), note('W', fd, -1, data, size))
REAL(pwrite, ssize_t, WRITES, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at),
     note('W', fd, at, data, size))
REAL(pwrite64, ssize_t, WRITES, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at),
     note('W', fd, at, data, size))
