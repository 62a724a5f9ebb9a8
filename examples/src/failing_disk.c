/* A disk that fails on command, for the files of a journal: put before the C library of a server by LD_PRELOAD. The file
   named by DISK_FAULTS holds what is to be done: `sync` fails every sync, `slow` makes each take 400 ms, `low` leaves
   little room, `full` takes no write while there is a reserve to give up, `brim` takes none at all. `kill POINT N` ends
   the process at the Nth passage of a point: of writes and syncs of the log and the database, and of answers. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_send)(int, const void *, size_t, int);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_statvfs)(const char *, struct statvfs *);

__attribute__((constructor)) static void find(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_send = dlsym(RTLD_NEXT, "send");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fallocate = dlsym(RTLD_NEXT, "fallocate");
    real_statvfs = dlsym(RTLD_NEXT, "statvfs");
}

#define LONGEST 64

static void read_word(char found[LONGEST]) {
    const char *file = getenv("DISK_FAULTS");
    int saved = errno, fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    found[0] = 0;
    if (fd >= 0) {
        ssize_t length = read(fd, found, LONGEST - 1);
        found[length > 0 ? length : 0] = 0;
        close(fd);
    }
    errno = saved;
}

static int is(const char *word) {
    char found[LONGEST];
    read_word(found);
    return strcmp(found, word) == 0;
}

/* Whether it is to end here: `part` of what is done with this kind of file. */
static int is_end(const char *kind, const char *part) {
    static int passed;
    char found[LONGEST], name[LONGEST], wanted[LONGEST];
    int times;
    read_word(found);
    if (sscanf(found, "kill %63s %d", name, &times) != 2) return 0;
    snprintf(wanted, sizeof wanted, "%s-%s", kind, part);
    return strcmp(name, wanted) == 0 && __sync_add_and_fetch(&passed, 1) >= times;
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* "wal", "db", or nothing where it is no file of a journal. */
static const char *kind_of(int fd) {
    char link[64], path[512];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    errno = saved;
    if (strstr(path, "deskbell.db") == NULL) return NULL;
    return strstr(path, "deskbell.db-wal") != NULL ? "wal" : "db";
}

static int is_journal(int fd) { return kind_of(fd) != NULL; }

static int has_reserve(void) { return access("deskbell.db-reserve", F_OK) == 0; }

static int is_full(int fd) { return is_journal(fd) && (is("brim") || (is("full") && has_reserve())); }

ssize_t write(int fd, const void *bytes, size_t length) {
    const char *kind = kind_of(fd);
    if (is_full(fd)) { errno = ENOSPC; return -1; }
    if (kind == NULL) return real_write(fd, bytes, length);
    if (is_end(kind, "write-before")) end();
    if (is_end(kind, "write-half")) { real_write(fd, bytes, length / 2); end(); }
    ssize_t done = real_write(fd, bytes, length);
    if (is_end(kind, "write-after")) end();
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    const char *kind = kind_of(fd);
    if (is_full(fd)) { errno = ENOSPC; return -1; }
    if (kind == NULL) return real_pwrite(fd, bytes, length, at);
    if (is_end(kind, "write-before")) end();
    if (is_end(kind, "write-half")) { real_pwrite(fd, bytes, length / 2, at); end(); }
    ssize_t done = real_pwrite(fd, bytes, length, at);
    if (is_end(kind, "write-after")) end();
    return done;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    if (is_end("answer", "before")) end();
    ssize_t done = real_send(fd, bytes, length, flags);
    if (is_end("answer", "after")) end();
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (is_end("answer", "before")) end();
    ssize_t done = real_writev(fd, parts, count);
    if (is_end("answer", "after")) end();
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return pwrite(fd, bytes, length, at); }

static int sync_by(int (*real)(int), int fd) {
    const char *kind = kind_of(fd);
    if (kind == NULL) return real(fd);
    if (is("sync")) { errno = EIO; return -1; }
    if (is("slow")) usleep(400000);
    if (is_end(kind, "sync-before")) end();
    int done = real(fd);
    if (is_end(kind, "sync-after")) end();
    return done;
}

int fsync(int fd) { return sync_by(real_fsync, fd); }

int fdatasync(int fd) { return sync_by(real_fdatasync, fd); }

int fallocate(int fd, int mode, off_t from, off_t length) {
    if (is_journal(fd) && (is("full") || is("brim") || is("low"))) { errno = ENOSPC; return -1; }
    return real_fallocate(fd, mode, from, length);
}

int fallocate64(int fd, int mode, off_t from, off_t length) { return fallocate(fd, mode, from, length); }

int statvfs(const char *path, struct statvfs *told) {
    int done = real_statvfs(path, told);
    if (done == 0) {
        /* A disk of a gibibyte of which half is free, whatever this machine has. */
        told->f_frsize = told->f_bsize = 4096;
        told->f_blocks = 1 << 18;
        told->f_bavail = told->f_bfree = is("low") || is("full") || is("brim") ? 1 << 10 : 1 << 17;
    }
    return done;
}

int statvfs64(const char *path, struct statvfs64 *told) { return statvfs(path, (struct statvfs *)told); }
