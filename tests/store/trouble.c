/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before the C library (LD_PRELOAD): counts the calls that change a file and makes trouble at
 * the n-th.
 *   AIFT_KILL_AT=n   the process kills itself there; a write is cut in half first when n is even
 *   AIFT_FULL_AT=n   from there on the disk is full
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long number_of(const char* name) {
  const char* text = getenv(name);
  return text != NULL ? atol(text) : 0;
}

static long calls = 0;

static int of_a_file(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

/* 1: the disk is full. Does not return when the process is to end. */
static int trouble(int descriptor, const void* data, size_t size, off_t offset) {
  static long kill_at = -1;
  static long full_at = -1;
  if (kill_at < 0) {
    kill_at = number_of("AIFT_KILL_AT");
    full_at = number_of("AIFT_FULL_AT");
  }
  ++calls;
  if (kill_at > 0 && calls == kill_at) {
    if (data != NULL && calls % 2 == 0 && size > 1) {
      ssize_t (*real)(int, const void*, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite64");
      ssize_t (*append)(int, const void*, size_t) = dlsym(RTLD_NEXT, "write");
      ssize_t half = offset >= 0 ? real(descriptor, data, size / 2, offset)
                                 : append(descriptor, data, size / 2);
      (void)half;
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  return full_at > 0 && calls >= full_at;
}

ssize_t write(int descriptor, const void* data, size_t size) {
  ssize_t (*real)(int, const void*, size_t) = dlsym(RTLD_NEXT, "write");
  if (of_a_file(descriptor) && trouble(descriptor, data, size, -1)) {
    errno = ENOSPC;
    return -1;
  }
  return real(descriptor, data, size);
}

ssize_t pwrite64(int descriptor, const void* data, size_t size, off_t offset) {
  ssize_t (*real)(int, const void*, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite64");
  if (of_a_file(descriptor) && trouble(descriptor, data, size, offset)) {
    errno = ENOSPC;
    return -1;
  }
  return real(descriptor, data, size, offset);
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
  return pwrite64(descriptor, data, size, offset);
}

int fsync(int descriptor) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  trouble(-1, NULL, 0, -1);
  return real(descriptor);
}

int fdatasync(int descriptor) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
  trouble(-1, NULL, 0, -1);
  return real(descriptor);
}

int rename(const char* from, const char* to) {
  int (*real)(const char*, const char*) = dlsym(RTLD_NEXT, "rename");
  if (trouble(-1, NULL, 0, -1)) {
    errno = ENOSPC;
    return -1;
  }
  return real(from, to);
}

int unlink(const char* path) {
  int (*real)(const char*) = dlsym(RTLD_NEXT, "unlink");
  trouble(-1, NULL, 0, -1);
  return real(path);
}

int mkdir(const char* path, mode_t mode) {
  int (*real)(const char*, mode_t) = dlsym(RTLD_NEXT, "mkdir");
  if (trouble(-1, NULL, 0, -1)) {
    errno = ENOSPC;
    return -1;
  }
  return real(path, mode);
}

int ftruncate64(int descriptor, off_t size) {
  int (*real)(int, off_t) = dlsym(RTLD_NEXT, "ftruncate64");
  trouble(-1, NULL, 0, -1);
  return real(descriptor, size);
}
