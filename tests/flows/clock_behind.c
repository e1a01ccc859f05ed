/* A clock that is five minutes behind the system's. */

#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const long SECONDS_BEHIND = 300;

int clock_gettime(clockid_t clock, struct timespec *moment) {
    long failed = syscall(SYS_clock_gettime, clock, moment);
    if (!failed && clock == CLOCK_REALTIME)
        moment->tv_sec -= SECONDS_BEHIND;
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
