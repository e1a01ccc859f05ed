/* A clock that jumps by hours, back and forth, five times in two seconds: all else of the system's is as it was. */

#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const long JUMPS[] = {0, 5 * 3600, -7 * 3600, 24 * 3600, -3600};
static const long JUMP_MILLISECONDS = 400;

static long jumped(void) {
    struct timespec steady;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &steady);
    long milliseconds = steady.tv_sec * 1000 + steady.tv_nsec / 1000000;
    return JUMPS[milliseconds / JUMP_MILLISECONDS % (long)(sizeof JUMPS / sizeof *JUMPS)];
}

int clock_gettime(clockid_t clock, struct timespec *moment) {
    long failed = syscall(SYS_clock_gettime, clock, moment);
    if (!failed && clock == CLOCK_REALTIME)
        moment->tv_sec += jumped();
    return (int)failed;
}

int gettimeofday(struct timeval *restrict moment, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    moment->tv_sec = precise.tv_sec;
    moment->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (kept)
        *kept = precise.tv_sec;
    return precise.tv_sec;
}
