// The .npz format: what numpy.load reads and numpy.savez writes. One array for each block of parameters,
// under its name (learner::ParameterBlock: "3.conv2d.weights"), float32; beside them
//   format                    int64, 1
//   description               text: the model's
//   batches                   int64: that the peer had trained
//   normalisation.mean, normalisation.deviation (float64, one value a feature), normalisation.samples (int64)
//
// What is read may come from Python: float64 is taken too, format, description and normalisation may be
// missing. Any array that is not expected is refused, for it is a misspelt one.
#pragma once

#include "daemon/model/model_file.hpp"

namespace parley::daemon {

// A larger file holds something else.
std::size_t npz_bytes_max(const ModelLayout& layout);

Result<FileBytes> encode_npz(const ModelFile& model, const ModelLayout& layout);
// Messages name the array, not the file.
Result<ModelFile> decode_npz(ByteSpan bytes, const ModelLayout& layout);

}  // namespace parley::daemon
