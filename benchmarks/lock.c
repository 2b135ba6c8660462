/* How long threads hold Python's lock, in their own CPU time: loaded ahead of libpython, it stands
 * before the two functions by which whatever computes or waits lets the lock go and takes it again.
 * See lock.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <time.h>

typedef void State;

static State *(*save)(void);
static void (*restore)(State *);
static _Atomic long long held_ns, released;
static __thread long long since; /* CPU time of this thread when it got the lock */
static long long watching;       /* what it takes to look at the clock, once for each release */

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

__attribute__((constructor)) static void find(void) {
    save = dlsym(RTLD_NEXT, "PyEval_SaveThread");
    restore = dlsym(RTLD_NEXT, "PyEval_RestoreThread");
    const int looks = 1000;
    long long started = now();
    for (int look = 1; look < looks; look++) now();
    watching = (now() - started) / looks;
}

State *PyEval_SaveThread(void) {
    atomic_fetch_add(&held_ns, now() - since - watching);
    atomic_fetch_add(&released, 1);
    State *state = save();
    since = now(); /* what has no lock and ends without it held it for nothing */
    return state;
}

void PyEval_RestoreThread(State *state) {
    restore(state);
    since = now();
}

/* By all threads so far, and by the one that asks up to now; it has to hold the lock. */
long long lock_held_ns(void) {
    long long time = now();
    atomic_fetch_add(&held_ns, time - since);
    since = time;
    return held_ns;
}

long long lock_released(void) { return released; }
