// Secrets as one line of text in a file of mode 0600. Internal to net/.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "net/secret.hpp"
#include "protocol/types.hpp"

namespace parley::net {

// PREFIX and 56 characters of lower-case base32: the 32 bytes and the first 3 bytes of their BLAKE2b.
std::string secret_to_text(std::string_view prefix, const SecretBytes<32>& secret);
Result<SecretBytes<32>> secret_from_text(std::string_view prefix, std::string_view text);

// A missing file, one that is not a plain file, or one that others may read is an error with its remedy.
Result<SecretBytes<32>> read_secret_file(const std::filesystem::path& file, std::string_view prefix);

enum class IfExists { refuse, replace };
// Written aside, synced, renamed, directory synced.
Result<void> write_secret_file(const std::filesystem::path& file, std::string_view prefix,
                               const SecretBytes<32>& secret, IfExists if_exists);

}  // namespace parley::net
