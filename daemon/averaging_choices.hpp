// The words of [averaging], for the config and the command line.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "protocol/averaging/augmentation.hpp"
#include "protocol/averaging/sample_marks.hpp"
#include "protocol/encoding/model_encoding.hpp"

namespace parley::daemon {

constexpr std::array<std::pair<std::string_view, Augmentation>, 4> augmentation_choices{{{"random", Augmentation::random},
                                                                                         {"all", Augmentation::all},
                                                                                         {"hedge", Augmentation::hedge},
                                                                                         {"slack", Augmentation::slack}}};
constexpr std::array<std::pair<std::string_view, Weighting>, 2> weighting_choices{
    {{"equal", Weighting::equal}, {"samples", Weighting::samples}}};
constexpr std::array<std::pair<std::string_view, ModelEncoding>, 4> encoding_choices{{{"f32", ModelEncoding::f32},
                                                                                      {"f16", ModelEncoding::f16},
                                                                                      {"int8", ModelEncoding::int8},
                                                                                      {"int4", ModelEncoding::int4}}};

}  // namespace parley::daemon
