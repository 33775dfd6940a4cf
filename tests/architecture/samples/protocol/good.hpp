#pragma once
#include <vector>
// std::random_device in a comment is no use of it.
#include "protocol/types.hpp"
