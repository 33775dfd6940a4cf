// A group that starts from a trained model: `initial.parley` in the state directory is what the peer starts
// with instead of the config's fresh initialisation. It is part of the fingerprint that peers compare, so all
// of a group must have the same one; and the group's first reference, so it stays where it is.
#pragma once

#include <filesystem>
#include <optional>

#include "daemon/model/model_file.hpp"

namespace parley::daemon {

constexpr const char* initial_model_name = "initial.parley";

// For a peer that has not started yet. Fails if the state directory has a log or a checkpoint, if a daemon
// runs on it, or if there is an initial model already and IfExists::refuse.
StorageResult<void> install_initial_model(const std::filesystem::path& state_directory,
                                          const ModelFile& model, const ModelLayout& layout,
                                          IfExists if_exists);

// None: there is no such file. Damaged or of another model: an error that says what to do.
StorageResult<std::optional<Parameters>> load_initial_model(const std::filesystem::path& state_directory,
                                                            const ModelLayout& layout);

}  // namespace parley::daemon
