/* What a process asks of the files under one directory, in order, and failures of a disk on demand.
 *
 * Loaded into the process with LD_PRELOAD by powerloss.py, which reads the journal and makes of it what a disk may hold
 * after the power was cut. POWERLOSS_DIRECTORY: the files that count. POWERLOSS_JOURNAL: where to write it.
 * POWERLOSS_FAULTS: a file of four 32-bit numbers that the test may change at any time (mapped here): how many syncs
 * fail, how many writes find the disk full (-1: all), microseconds that a sync takes longer, and a count of faults.
 *
 * A record: kind (1 byte), length of the name (1), file offset (8), length of the data (4), name, data.
 * W write, T truncate (to the offset), B a sync begins, E it succeeded (the offset is the number of its B), L it failed,
 * U unlink, R rename (data: the new name). The name of the directory itself is ".". A sync that fails is told, as with
 * Linux, once to every descriptor of the file: to the others by their next sync, whatever comes of that (not recorded).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 1024
#define NAME 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char names[FILES][NAME];
static char failing[FILES];
static const char *directory;
static size_t directory_length;
static int journal = -1;
static volatile int32_t *faults;
static int64_t syncs;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    directory = getenv("POWERLOSS_DIRECTORY");
    if (!directory) return;
    directory_length = strlen(directory);
    journal = open(getenv("POWERLOSS_JOURNAL"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int handle = open(getenv("POWERLOSS_FAULTS"), O_RDWR | O_CLOEXEC);
    faults = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
}

static const char *tracked(const char *path) {
    if (!directory || strncmp(path, directory, directory_length)) return NULL;
    if (!path[directory_length]) return ".";
    if (path[directory_length] != '/') return NULL;
    const char *name = path + directory_length + 1;
    size_t length = strlen(name);
    if (!length || length >= NAME || strchr(name, '/')) return NULL;
    if (length > 4 && !strcmp(name + length - 4, "-shm")) return NULL;
    return name;
}

static void record(char kind, const char *name, int64_t offset, const void *data, uint32_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char *buffer = malloc(14 + NAME + length);
    uint8_t name_length = (uint8_t)strlen(name);
    buffer[0] = kind;
    buffer[1] = (char)name_length;
    memcpy(buffer + 2, &offset, 8);
    memcpy(buffer + 10, &length, 4);
    memcpy(buffer + 14, name, name_length);
    if (length) memcpy(buffer + 14 + name_length, data, length);
    if (real(journal, buffer, 14 + name_length + length) < 0) abort();
    free(buffer);
}

static int opened(int handle, const char *path, int flags) {
    const char *name = handle >= 0 && handle < FILES ? tracked(path) : NULL;
    if (name) {
        pthread_mutex_lock(&lock);
        strcpy(names[handle], name);
        failing[handle] = 0;
        if (flags & O_TRUNC) record('T', name, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return handle;
}

#define OPEN(function) \
    int function(const char *path, int flags, ...) { \
        REAL(int, #function, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        return opened(real(path, flags, mode), path, flags); \
    }
OPEN(open)
OPEN(open64)

int close(int handle) {
    REAL(int, "close", int);
    pthread_mutex_lock(&lock);
    if (handle >= 0 && handle < FILES) names[handle][0] = 0;
    pthread_mutex_unlock(&lock);
    return real(handle);
}

static int counts(int handle) { return handle >= 0 && handle < FILES && names[handle][0]; }

static int take(int which) {
    if (!faults || !faults[which]) return 0;
    if (faults[which] > 0) faults[which]--;
    faults[3]++;
    return 1;
}

#define PWRITE(function, offset_type) \
    ssize_t function(int handle, const void *data, size_t length, offset_type offset) { \
        REAL(ssize_t, #function, int, const void *, size_t, offset_type); \
        if (!counts(handle)) return real(handle, data, length, offset); \
        pthread_mutex_lock(&lock); \
        ssize_t written = -1; \
        if (strstr(names[handle], ".db") && take(1)) errno = ENOSPC; \
        else if ((written = real(handle, data, length, offset)) > 0) \
            record('W', names[handle], offset, data, (uint32_t)written); \
        pthread_mutex_unlock(&lock); \
        return written; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int handle, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (!counts(handle)) return real(handle, data, length);
    pthread_mutex_lock(&lock);
    int64_t offset = lseek(handle, 0, SEEK_CUR);
    ssize_t written = real(handle, data, length);
    if (written > 0) record('W', names[handle], offset, data, (uint32_t)written);
    pthread_mutex_unlock(&lock);
    return written;
}

#define TRUNCATE(function, offset_type) \
    int function(int handle, offset_type length) { \
        REAL(int, #function, int, offset_type); \
        if (!counts(handle)) return real(handle, length); \
        pthread_mutex_lock(&lock); \
        int result = real(handle, length); \
        if (!result) record('T', names[handle], length, NULL, 0); \
        pthread_mutex_unlock(&lock); \
        return result; \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int synced(int handle, int (*real)(int)) {
    char name[NAME];
    pthread_mutex_lock(&lock);
    strcpy(name, names[handle]);
    int64_t number = ((int64_t)getpid() << 32) | syncs++;
    record('B', name, number, NULL, 0);
    int fails = 0, late;
    if (take(0)) {
        fails = 1;
        for (int other = 0; other < FILES; other++)
            if (other != handle && !strcmp(names[other], name)) failing[other] = 1;
    }
    int32_t delay = faults ? faults[2] : 0;
    pthread_mutex_unlock(&lock);
    if (delay) usleep((useconds_t)delay);
    int result = fails ? -1 : real(handle);
    pthread_mutex_lock(&lock);
    late = failing[handle];
    failing[handle] = 0;
    if (fails || !late) record(fails ? 'L' : 'E', name, number, NULL, 0);
    pthread_mutex_unlock(&lock);
    if (!fails && !late) return result;
    errno = EIO;
    return -1;
}

int fsync(int handle) {
    REAL(int, "fsync", int);
    return counts(handle) ? synced(handle, real) : real(handle);
}

int fdatasync(int handle) {
    REAL(int, "fdatasync", int);
    return counts(handle) ? synced(handle, real) : real(handle);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    const char *name = tracked(path);
    pthread_mutex_lock(&lock);
    int result = real(path);
    if (name && !result) record('U', name, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    const char *name = tracked(from), *new_name = tracked(to);
    pthread_mutex_lock(&lock);
    int result = real(from, to);
    if (name && new_name && !result) record('R', name, 0, new_name, (uint32_t)strlen(new_name));
    pthread_mutex_unlock(&lock);
    return result;
}
