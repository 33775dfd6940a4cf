// Camera frames with the steering angle that a driver chose: a regression of one number.
#pragma once

#include <filesystem>

#include "learner/dataset.hpp"
#include "learner/error.hpp"

namespace parley::learner {

// directory/frames-ANYTHING-idx3-ubyte[.gz] (N frames; exactly one such file, or one plain and the same as
// gzip) and directory/angles-idx1-float[.gz] (N angles, finite). Pixels and value_target(1).
Result<Dataset> load_steering_directory(const std::filesystem::path& directory);

}  // namespace parley::learner
