/* Add the seconds that a file holds to the wall clock of a process: preloaded, named by CHAOS_CLOCK.
 * Clocks that only measure time are left alone, and so is sleeping: libfaketime 0.9.10 breaks Python's. */

struct timespec { long seconds, nanoseconds; };
struct timeval { long seconds, microseconds; };
extern char *getenv(const char *);
extern int open(const char *, int, ...);
extern void *mmap(void *, unsigned long, int, int, int, long);
extern void *dlsym(void *, const char *);

#define REALTIME 0
#define REALTIME_COARSE 5
#define READ 1
#define SHARED 1
#define NEXT ((void *)-1L)
#define FAILED ((void *)-1L)

static long none;
static volatile long *offset;
static int (*ask)(int, struct timespec *);

static void begin(void) {
    const char *path = getenv("CHAOS_CLOCK");
    int file = path ? open(path, 0) : -1;
    void *page = file < 0 ? FAILED : mmap(0, sizeof none, READ, SHARED, file, 0);
    offset = page == FAILED ? &none : page;
    ask = dlsym(NEXT, "clock_gettime");
}

int clock_gettime(int clock, struct timespec *now) {
    if (!ask) begin();
    int failed = ask(clock, now);
    if (!failed && (clock == REALTIME || clock == REALTIME_COARSE)) now->seconds += *offset;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec read;
    int failed = clock_gettime(REALTIME, &read);
    if (!failed && now) {
        now->seconds = read.seconds;
        now->microseconds = read.nanoseconds / 1000;
    }
    return failed;
}

long time(long *now) {
    struct timespec read;
    clock_gettime(REALTIME, &read);
    if (now) *now = read.seconds;
    return read.seconds;
}
