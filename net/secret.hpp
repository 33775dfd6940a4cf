// Fixed-size secret bytes that are wiped when they go.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace parley::net {

// Overwrites memory in a way the optimiser must keep (libsodium).
void wipe(void* memory, std::size_t bytes) noexcept;

// A secret of N bytes. Copies are allowed and each is wiped on its own; nothing prints or compares it by
// accident. A move leaves zeros: what is moved from can live on for long, as a coroutine's parameter does.
template <std::size_t N>
class SecretBytes {
public:
    SecretBytes() = default;
    explicit SecretBytes(std::span<const std::uint8_t, N> from) {
        std::copy(from.begin(), from.end(), bytes_.begin());
    }
    SecretBytes(const SecretBytes&) = default;
    SecretBytes& operator=(const SecretBytes&) = default;
    SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_.data(), N); }
    SecretBytes& operator=(SecretBytes&& other) noexcept {
        if (this == &other) return *this;
        bytes_ = other.bytes_;
        wipe(other.bytes_.data(), N);
        return *this;
    }
    ~SecretBytes() { wipe(bytes_.data(), N); }

    std::span<const std::uint8_t, N> view() const { return bytes_; }
    std::span<std::uint8_t, N> edit() { return bytes_; }
    const std::uint8_t* data() const { return bytes_.data(); }
    std::uint8_t* data() { return bytes_.data(); }
    static constexpr std::size_t size() { return N; }

private:
    std::array<std::uint8_t, N> bytes_{};
};

}  // namespace parley::net
