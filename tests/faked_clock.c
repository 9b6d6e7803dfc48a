/*
 * A wall clock that tests move, for the programs that this library is preloaded into.
 *
 * The file that FAKED_CLOCK names holds two times in nanoseconds, of 8 bytes each in the order of the machine, which may be
 * written at any time: what the clock is ahead, and, unless that is 0, where it stands still, since 1970.
 *
 * PostgreSQL reads the clock in signal handlers, too, so nothing here allocates, locks or calls what does. (libfaketime
 * opens a file as a stream each time, by malloc(), and so destroys the heap now and then.)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int clock_reader(clockid_t, struct timespec *);

struct setting
{
    _Atomic int64_t ahead, stands_at;
};

static const struct setting *setting;
static clock_reader *real_clock;

/* Before the program starts; its children inherit what is mapped. */
__attribute__((constructor)) static void prepare(void)
{
    const char *path = getenv("FAKED_CLOCK");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *memory = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *setting, PROT_READ, MAP_SHARED, file, 0);

    real_clock = (clock_reader *) dlsym(RTLD_NEXT, "clock_gettime");
    if (memory == MAP_FAILED || real_clock == NULL)
        abort();
    close(file);
    setting = memory;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    /* other libraries may be prepared before this one */
    int result = real_clock == NULL ? (int) syscall(SYS_clock_gettime, clock, now) : real_clock(clock, now);

    if (result == 0 && setting != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    {
        int64_t stands_at = setting->stands_at;
        int64_t nanos = stands_at != 0 ? stands_at : setting->ahead + now->tv_nsec;
        int64_t seconds = nanos / 1000000000;

        nanos %= 1000000000;
        if (nanos < 0)
        {
            nanos += 1000000000;
            seconds--;
        }
        now->tv_sec = stands_at != 0 ? seconds : now->tv_sec + seconds;
        now->tv_nsec = nanos;
    }
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec exact;

    (void) zone;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0)
        return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where)
{
    struct timespec exact;

    if (clock_gettime(CLOCK_REALTIME, &exact) != 0)
        return (time_t) -1;
    if (where != NULL)
        *where = exact.tv_sec;
    return exact.tv_sec;
}
