/* Puts a process's wall clock forward by what a file says: eight bytes, nanoseconds, native order.
 *
 * The monotonic clock stays as it is, so that time limits and sleeps are those of the machine. Loaded with LD_PRELOAD
 * (Linux); CLOCK_OFFSET_FILE names the file. A jump is seen by every process at its next look at the clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static volatile const int64_t *ahead;

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("CLOCK_OFFSET_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *there = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (there != MAP_FAILED)
        ahead = there;
}

static void move(struct timespec *at, int64_t by)
{
    int64_t all = at->tv_sec * SECOND + at->tv_nsec + by;
    at->tv_sec = all / SECOND;
    at->tv_nsec = all % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        move(now, *ahead);
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    struct timespec precise;
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return result;
}

time_t time(time_t *now)
{
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now)
        *now = precise.tv_sec;
    return precise.tv_sec;
}

/* The kernel knows nothing of the jump. */
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    static int (*real)(sem_t *, const struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec moved = *until;
    if (ahead)
        move(&moved, -*ahead);
    return real(semaphore, &moved);
}
