#include "net/secret.hpp"

#include <sodium.h>

#include "net/sodium.hpp"
#include "protocol/types.hpp"

namespace parley::net {

void wipe(void* memory, std::size_t bytes) noexcept {
    sodium_memzero(memory, bytes);
}

void start_sodium() {
    static const int started = sodium_init();
    CHECK(started >= 0);
}

}  // namespace parley::net
