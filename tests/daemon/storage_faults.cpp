#include "tests/daemon/storage_faults.hpp"

#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdarg>

namespace {

parley::test::Fault armed_fault = parley::test::Fault::none;
bool armed = false;
std::size_t armed_operation = 0;
std::size_t operations_so_far = 0;
int armed_error = 0;

bool fails() {
    if (!armed) return false;
    ++operations_so_far;
    const bool now =
        (armed_fault == parley::test::Fault::fail_once && operations_so_far == armed_operation) ||
        (armed_fault == parley::test::Fault::die && operations_so_far >= armed_operation);
    if (now) errno = armed_error;
    return now;
}

}  // namespace

namespace parley::test {

ScopedFault::ScopedFault(Fault fault, std::size_t operation, int error) {
    armed_fault = fault;
    armed_operation = operation;
    armed_error = error;
    operations_so_far = 0;
    armed = true;
}
ScopedFault::~ScopedFault() {
    armed = false;
}
std::size_t ScopedFault::operations() const {
    return operations_so_far;
}

}  // namespace parley::test

// Names that the linker gives: `call` goes to __wrap_call, __real_call is the system's.
extern "C" {
int __real_open(const char* name, int flags, ...);
ssize_t __real_write(int descriptor, const void* bytes, size_t count);
ssize_t __real_read(int descriptor, void* bytes, size_t count);
int __real_fsync(int descriptor);
int __real_fdatasync(int descriptor);
int __real_ftruncate(int descriptor, off_t length);
int __real_rename(const char* from, const char* to);
int __real_link(const char* from, const char* to);
int __real_unlink(const char* name);
int __real_mkdir(const char* name, mode_t mode);
int __real_mkostemp(char* name, int flags);

int __wrap_open(const char* name, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fails() ? -1 : __real_open(name, flags, mode);
}
ssize_t __wrap_write(int descriptor, const void* bytes, size_t count) {
    if (!fails()) return __real_write(descriptor, bytes, count);
    const int error = errno;
    const bool first = operations_so_far == armed_operation;  // nothing is written once the process is gone
    if (first && __real_write(descriptor, bytes, count / 2) < 0) return -1;
    errno = error;
    return -1;
}
ssize_t __wrap_read(int descriptor, void* bytes, size_t count) {
    return fails() ? -1 : __real_read(descriptor, bytes, count);
}
int __wrap_fsync(int descriptor) {
    return fails() ? -1 : __real_fsync(descriptor);
}
int __wrap_fdatasync(int descriptor) {
    return fails() ? -1 : __real_fdatasync(descriptor);
}
int __wrap_ftruncate(int descriptor, off_t length) {
    return fails() ? -1 : __real_ftruncate(descriptor, length);
}
int __wrap_rename(const char* from, const char* to) {
    return fails() ? -1 : __real_rename(from, to);
}
int __wrap_link(const char* from, const char* to) {
    return fails() ? -1 : __real_link(from, to);
}
int __wrap_unlink(const char* name) {
    return fails() ? -1 : __real_unlink(name);
}
int __wrap_mkdir(const char* name, mode_t mode) {
    return fails() ? -1 : __real_mkdir(name, mode);
}
int __wrap_mkostemp(char* name, int flags) {
    return fails() ? -1 : __real_mkostemp(name, flags);
}
}
