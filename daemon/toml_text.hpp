// Values as TOML writes them, for `parley config show`.
#pragma once

#include <string>
#include <string_view>

namespace parley::daemon {

std::string quoted_toml(std::string_view text);
// The shortest texts that read back as the same number.
std::string real_text(double value);
std::string float_text(float value);

}  // namespace parley::daemon
