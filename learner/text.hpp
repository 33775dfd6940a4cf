// Text from files, as far as it is looked at: is it UTF-8, and how to quote it in a message.
#pragma once

#include <string>
#include <string_view>

namespace parley::learner {

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

// In quotation marks, at most 40 bytes of it, safe to print: control characters, and all bytes beyond ASCII
// of a text that is not UTF-8, become '?'.
std::string excerpt(std::string_view text);

}  // namespace parley::learner
