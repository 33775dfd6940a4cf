// The .parley format: a sealed file "PARLEYMD" of version 1 (storage/files.hpp) around the fields of a
// ModelFile, in the order in which README.md has them.
#pragma once

#include "daemon/model/model_file.hpp"

namespace parley::daemon {

StorageResult<void> write_sealed_model(const std::filesystem::path& file, const ModelFile& model,
                                       const ModelLayout& layout, IfExists if_exists);
StorageResult<ModelFile> read_sealed_model(const std::filesystem::path& file, const ModelLayout& layout);

// What is inside the seal. The message does not name the file.
FileBytes encode_model(const ModelFile& model, const ModelLayout& layout);
Result<ModelFile> decode_model(ByteSpan content, const ModelLayout& layout);

}  // namespace parley::daemon
