/* A clock that differs from the system's: by SECONDS_AHEAD if that is defined, else by hours, back and forth, five times in two seconds. */

#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifdef SECONDS_AHEAD
static long seconds_ahead(void) {
    return SECONDS_AHEAD;
}
#else
static const long JUMPS[] = {0, 5 * 3600, -7 * 3600, 24 * 3600, -3600};
static const long JUMP_MILLISECONDS = 400;

static long seconds_ahead(void) {
    struct timespec steady;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &steady);
    long milliseconds = steady.tv_sec * 1000 + steady.tv_nsec / 1000000;
    return JUMPS[milliseconds / JUMP_MILLISECONDS % (long)(sizeof JUMPS / sizeof *JUMPS)];
}
#endif

int clock_gettime(clockid_t clock, struct timespec *moment) {
    long failed = syscall(SYS_clock_gettime, clock, moment);
    if (!failed && clock == CLOCK_REALTIME)
        moment->tv_sec += seconds_ahead();
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
