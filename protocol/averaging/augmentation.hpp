// What the coordinator does when models have left the ball (DESIGN.md, 6.3 and 6.4).
#pragma once

#include <cstdint>

namespace parley {

enum class Augmentation : std::uint8_t {
    random,  // Algorithm 1: one member after the other, at random; everybody from half of the living on
    all,     // everybody at once
    hedge,   // twice as many as there are, at random; everybody from half of the living on
    slack,   // nobody's model, as long as others have drifted less than they may; then everybody's
};
const char* augmentation_name(Augmentation augmentation);

}  // namespace parley
