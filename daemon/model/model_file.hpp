// A model in a file of its own: to keep it, to predict without a daemon, to start a group from it, or to go
// on with it in Python. Two formats, told apart by the file's ending and described byte by byte in README.md:
//   .parley  sealed: versioned and with a checksum; everything below (sealed_model.hpp)
//   .npz     NumPy's: one array for each block of parameters, under its name; of the provenance only the
//   batches (npz.hpp)
//
// These files come from anywhere. What one declares is compared with what the model needs before anything is
// allocated; a bad file is an error that names the file and what is wrong in it, and never more than that.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "daemon/model/normalisation.hpp"
#include "daemon/storage/files.hpp"
#include "learner/loss.hpp"
#include "learner/model.hpp"
#include "protocol/types.hpp"

namespace parley::daemon {

// Where the parameters come from. All empty for what another program has written.
struct Provenance {
    std::string peer;  // its name
    std::string cluster;
    bool reference = false;  // the group's reference, not the peer's own model
    std::uint64_t batches = 0;
    std::uint64_t samples = 0;  // that the peer had trained
    std::uint64_t applied = 0;  // last record of the group's log in the model

    bool operator==(const Provenance&) const = default;
};

struct ModelFile {
    std::string loss;  // learner::loss_name; empty: not said
    Provenance provenance;
    Parameters parameters;  // finite, one for each of the model
    std::optional<Normalisation> normalisation;
};

// What a model must be like to fit: everything of a network but its numbers.
struct ModelLayout {
    std::string description;
    learner::Shape input;
    learner::Target target;
    std::vector<learner::ParameterBlock> blocks;
    std::size_t parameter_count = 0;

    static ModelLayout of(const learner::Network& network);
};

enum class ModelFormat { parley, npz };
// By the ending; any other is refused with a message that names the two.
Result<ModelFormat> model_format_of(const std::filesystem::path& file);

// Atomically, mode 0600. Parameters that are not finite are refused: a model that has diverged is of no use
// to anybody.
StorageResult<void> write_model(const std::filesystem::path& file, const ModelFile& model,
                                const ModelLayout& layout, IfExists if_exists);
// Fails if the file is absent, damaged or does not hold a model of this layout.
StorageResult<ModelFile> read_model(const std::filesystem::path& file, const ModelLayout& layout);

// For the two formats. The message names the block and the index within it.
Result<void> check_finite(std::span<const float> parameters,
                          const std::vector<learner::ParameterBlock>& blocks);
// "it holds another model: ..." with both descriptions and what to do.
std::string another_model(const std::string& there, const std::string& configured);

}  // namespace parley::daemon
