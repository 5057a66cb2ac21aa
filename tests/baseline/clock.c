/* Adds an offset to the wall clock of a process. The offset is in a file: eight bytes, nanoseconds, native byte order.
 *
 * The monotonic clock is unchanged, so timeouts and sleeps are not affected. Loaded with LD_PRELOAD (Linux);
 * CLOCK_OFFSET_FILE names the file. A process sees a change of the offset at its next call.
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

#define NS_PER_SECOND 1000000000LL

static volatile const int64_t *offset_ns;

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("CLOCK_OFFSET_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapping = mmap(NULL, sizeof *offset_ns, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapping != MAP_FAILED)
        offset_ns = mapping;
}

static void add_ns(struct timespec *at, int64_t by)
{
    int64_t all = at->tv_sec * NS_PER_SECOND + at->tv_nsec + by;
    at->tv_sec = all / NS_PER_SECOND;
    at->tv_nsec = all % NS_PER_SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && offset_ns && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        add_ns(now, *offset_ns);
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

/* The kernel compares with its own clock, without the offset. */
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    static int (*real)(sem_t *, const struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec moved = *until;
    if (offset_ns)
        add_ns(&moved, -*offset_ns);
    return real(semaphore, &moved);
}
