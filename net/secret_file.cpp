#include "net/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "net/hash.hpp"

namespace parley::net {

namespace {

constexpr std::string_view base32_digits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t checksum_bytes = 3;
constexpr std::size_t sealed_bytes = 32 + checksum_bytes;  // 280 bits: a whole number of base32 characters
constexpr std::size_t text_characters = sealed_bytes * 8 / 5;
constexpr std::size_t file_bytes_max = 512;

using Sealed = SecretBytes<sealed_bytes>;

std::array<std::uint8_t, checksum_bytes> checksum(const SecretBytes<32>& secret) {
    const auto digest = blake2b_bytes(std::as_bytes(secret.view()));
    return {digest[0], digest[1], digest[2]};
}

// One bit after the other: 280 of them, once per file.
bool get_bit(const Sealed& sealed, std::size_t bit) {
    return (sealed.data()[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

std::optional<std::size_t> digit_value(char digit) {
    if (digit >= 'A' && digit <= 'Z') digit = static_cast<char>(digit - 'A' + 'a');
    const std::size_t value = base32_digits.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    return value;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string system_error(std::string_view what, const std::filesystem::path& file, int code) {
    return std::string(what) + " " + file.string() + ": " + std::strerror(code);
}

// A file descriptor that closes itself.
class File {
public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int descriptor() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }

private:
    int descriptor_;
};

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

// Puts the finished file in its place; refusing to replace needs link(), because rename() always replaces.
int put_in_place(const std::string& aside, const std::string& file, IfExists if_exists) {
    if (if_exists == IfExists::replace) return ::rename(aside.c_str(), file.c_str()) == 0 ? 0 : errno;
    const int failed = ::link(aside.c_str(), file.c_str()) == 0 ? 0 : errno;
    ::unlink(aside.c_str());
    return failed;
}

// systemd hands a credential to a service's user by an access list, which shows as a permission of the group; the
// directory around it lets nobody else in.
bool is_credential(const std::filesystem::path& file) {
    const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
    return directory != nullptr && *directory != '\0' && file.parent_path() == directory;
}

Result<void> check_owner_only(const std::filesystem::path& file, const struct stat& status) {
    if (!S_ISREG(status.st_mode))
        return failure(file.string() + " is not a plain file; point to the key's own file");
    const mode_t forbidden = is_credential(file) ? 037 : 077;
    if ((status.st_mode & forbidden) != 0) {
        return failure(file.string() + " can be read or changed by others: run `chmod 600 " + file.string() +
                       "`, and replace the secret if somebody may have read it");
    }
    return {};
}

}  // namespace

std::string secret_to_text(std::string_view prefix, const SecretBytes<32>& secret) {
    Sealed sealed;
    const auto check = checksum(secret);
    std::copy(secret.view().begin(), secret.view().end(), sealed.data());
    std::copy(check.begin(), check.end(), sealed.data() + 32);
    std::string text(prefix);
    for (std::size_t character = 0; character < text_characters; ++character) {
        std::size_t value = 0;
        for (std::size_t bit = 0; bit < 5; ++bit)
            value = value << 1 | (get_bit(sealed, character * 5 + bit) ? 1 : 0);
        text += base32_digits[value];
    }
    return text;
}

Result<SecretBytes<32>> secret_from_text(std::string_view prefix, std::string_view text) {
    const std::string_view line = trimmed(text);
    if (!line.starts_with(prefix)) return failure("does not begin with \"" + std::string(prefix) + "\"");
    const std::string_view digits = line.substr(prefix.size());
    if (digits.size() != text_characters) {
        return failure("has " + std::to_string(digits.size()) + " characters after \"" + std::string(prefix) +
                       "\" instead of " + std::to_string(text_characters) +
                       ": part of it is missing or doubled");
    }
    Sealed sealed;
    for (std::size_t character = 0; character < text_characters; ++character) {
        const auto value = digit_value(digits[character]);
        if (!value) return failure("has a character that is none of a-z and 2-7");
        for (std::size_t bit = 0; bit < 5; ++bit) {
            const std::size_t place = character * 5 + bit;
            if ((*value >> (4 - bit) & 1) == 0) continue;
            sealed.data()[place / 8] =
                static_cast<std::uint8_t>(sealed.data()[place / 8] | 1u << (7 - place % 8));
        }
    }
    SecretBytes<32> secret(sealed.view().first<32>());
    const auto check = checksum(secret);
    if (!std::equal(check.begin(), check.end(), sealed.data() + 32)) {
        return failure("has a wrong checksum: it was mistyped or damaged; copy it again");
    }
    return secret;
}

Result<SecretBytes<32>> read_secret_file(const std::filesystem::path& file, std::string_view prefix) {
    const File opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!opened.is_open()) return failure(system_error("cannot read", file, errno));
    struct stat status {};
    if (::fstat(opened.descriptor(), &status) != 0)
        return failure(system_error("cannot examine", file, errno));
    if (auto fine = check_owner_only(file, status); !fine) return std::unexpected(fine.error());

    SecretBytes<file_bytes_max> buffer;
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        const ssize_t got = ::read(opened.descriptor(), buffer.data() + filled, buffer.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure(system_error("cannot read", file, errno));
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    const std::string_view text(reinterpret_cast<const char*>(buffer.data()), filled);
    auto secret = secret_from_text(prefix, text);
    if (!secret) {
        return failure(file.string() + " is damaged: its content " + secret.error().message +
                       "; restore it from a backup, or remove it and start anew");
    }
    return secret;
}

Result<void> write_secret_file(const std::filesystem::path& file, std::string_view prefix,
                               const SecretBytes<32>& secret, IfExists if_exists) {
    const std::string aside = file.string() + ".new";
    ::unlink(aside.c_str());  // left by a crash; never the only copy
    const File opened(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!opened.is_open()) return failure(system_error("cannot write", aside, errno));
    std::string text = secret_to_text(prefix, secret) + "\n";
    const bool written = ::fchmod(opened.descriptor(), 0600) == 0 && write_all(opened.descriptor(), text) &&
                         ::fsync(opened.descriptor()) == 0;
    const int write_error = errno;
    wipe(text.data(), text.size());
    if (!written) {
        ::unlink(aside.c_str());
        return failure(system_error("cannot write", aside, write_error));
    }
    if (const int failed = put_in_place(aside, file.string(), if_exists); failed != 0) {
        if (failed == EEXIST)
            return failure(file.string() + " exists already and is not replaced; remove it first");
        return failure(system_error("cannot put in place", file, failed));
    }
    const std::string directory = file.has_parent_path() ? file.parent_path().string() : ".";
    const File folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.is_open() || ::fsync(folder.descriptor()) != 0) {
        return failure(system_error("cannot sync the directory of", file, errno));
    }
    return {};
}

}  // namespace parley::net
