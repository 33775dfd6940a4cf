#include "protocol/encoding/model_encoding.hpp"

#include <array>

namespace parley {
namespace {

constexpr std::array<std::string_view, 4> names{"f32", "f16", "int8", "int4"};

}  // namespace

std::string_view encoding_name(ModelEncoding encoding) {
    const auto number = static_cast<std::size_t>(encoding);
    CHECK(number < names.size());
    return names[number];
}

Result<ModelEncoding> parse_encoding(std::string_view name) {
    for (std::size_t number = 0; number < names.size(); ++number)
        if (names[number] == name) return static_cast<ModelEncoding>(number);
    return failure("an encoding \"" + std::string(name.substr(0, 32)) + "\": there are f32, f16, int8 and int4");
}

Result<ModelEncoding> encoding_from_number(std::uint64_t number) {
    if (number >= names.size()) return failure("encoding " + std::to_string(number) + ", which there is not");
    return static_cast<ModelEncoding>(number);
}

}  // namespace parley
