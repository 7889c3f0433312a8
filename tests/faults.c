/* Preloaded into a test's process: after so many calls, the next write or sync fails, or is the last one made. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
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
        kill(getpid(), -how);
        return 0;
    }
    errno = how;
    return 1;
}

#define REAL(name, result, kind, parameters, arguments)                    \
    result name parameters {                                               \
        static result(*real) parameters;                                   \
        if (!real) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);   \
        return strikes(kind) ? -1 : real arguments;                        \
    }

REAL(fsync, int, SYNCS, (int fd), (fd))
REAL(fdatasync, int, SYNCS, (int fd), (fd))
REAL(rename, int, WRITES, (const char *from, const char *to), (from, to))
REAL(ftruncate, int, WRITES, (int fd, off_t size), (fd, size))
REAL(ftruncate64, int, WRITES, (int fd, off64_t size), (fd, size))
REAL(pwrite, ssize_t, WRITES, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
REAL(pwrite64, ssize_t, WRITES, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
