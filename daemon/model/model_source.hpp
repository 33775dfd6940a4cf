// Where a command takes its model from: the running peer, or a model file. Either way the config says what
// network it is.
#pragma once

#include <expected>
#include <filesystem>

#include "daemon/config.hpp"
#include "daemon/control_client.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/model/model_file.hpp"
#include "learner/model.hpp"

namespace parley::daemon {

struct ModelSource {
    std::filesystem::path exported;  // a model file; empty: the running peer is asked
    std::filesystem::path socket;    // of the running peer; empty: the config's control socket
    WhichModel which = WhichModel::current;
};

struct LoadedModel {
    learner::Network network;  // with the model's parameters
    ModelFile model;
};

// A file or a peer whose model is not the config's is refused, with both descriptions.
std::expected<LoadedModel, ExitReason> load_model(const Config& config, const ModelSource& source);

}  // namespace parley::daemon
