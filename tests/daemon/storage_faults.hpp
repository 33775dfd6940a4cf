// Failing system calls: the linker sends every call of the storage code to the wrappers in storage_faults.cpp
// (`--wrap`), so the production code has no seam for it. Link by parley_fault_test in CMakeLists.txt.
#pragma once

#include <cstddef>

namespace parley::test {

enum class Fault {
    none,       // count only
    fail_once,  // the operation fails, later ones succeed
    die,        // as if the process ended there: it and all later ones do nothing and fail
};

class ScopedFault {
public:
    // The operations are counted from 1. A write that fails has written half of its bytes before.
    ScopedFault(Fault fault, std::size_t operation, int error);
    ~ScopedFault();
    ScopedFault(const ScopedFault&) = delete;
    ScopedFault& operator=(const ScopedFault&) = delete;
    std::size_t operations() const;  // so far
};

}  // namespace parley::test
