#include "daemon/model/model_source.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/setup.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;

std::unexpected<ExitReason> command_ends(ExitCode code, const Error& error) {
    return std::unexpected(ExitReason{code, error.message});
}

std::string text_at(const json& status, const char* part, const char* name) {
    const json& text = status.at(part).at(name);
    return text.is_string() ? text.get<std::string>() : std::string();
}

// What the peer is, before its model is fetched.
struct PeerDescription {
    std::string model, name, cluster;
};
std::expected<PeerDescription, ExitReason> describe_peer(const std::filesystem::path& socket) {
    const auto status = ask_json(socket, "/status");
    if (!status) return command_ends(exit_not_running, status.error());
    try {
        return PeerDescription{.model = text_at(*status, "learner", "model"),
                               .name = text_at(*status, "peer", "name"),
                               .cluster = text_at(*status, "group", "cluster")};
    } catch (const json::exception&) {
        return std::unexpected(
            ExitReason{exit_failure, socket.string() + ": parleyd is of another version than parley"});
    }
}

std::expected<ModelFile, ExitReason> fetch_from_peer(const std::filesystem::path& socket, WhichModel which,
                                                     const PeerDescription& peer) {
    auto fetched = fetch_model(socket, which);
    if (!fetched) return command_ends(exit_not_running, fetched.error());
    const auto answer = ask_json(socket, "/normalisation", std::chrono::seconds(30));
    if (!answer) return command_ends(exit_failure, answer.error());
    auto normalisation = parse_normalisation(*answer);
    if (!normalisation) return command_ends(exit_failure, normalisation.error());
    return ModelFile{.loss = {},
                     .provenance = {.peer = peer.name,
                                    .cluster = peer.cluster,
                                    .reference = which == WhichModel::reference,
                                    .batches = fetched->batches,
                                    .samples = fetched->samples,
                                    .applied = fetched->applied},
                     .parameters = std::move(fetched->parameters),
                     .normalisation = std::move(*normalisation)};
}

std::expected<ModelFile, ExitReason> ask_peer(const Config& config, const ModelSource& source,
                                              const ModelLayout& layout) {
    const std::filesystem::path socket = source.socket.empty() ? config.peer.control_socket : source.socket;
    const auto peer = describe_peer(socket);
    if (!peer) return std::unexpected(peer.error());
    if (peer->model != layout.description)
        return std::unexpected(ExitReason{
            exit_usage, "the running peer has another model than " + config.file.string() +
                            ":\n  there: " + peer->model + "\n  configured: " + layout.description +
                            "\nrestart the peer, or give its config"});
    auto model = fetch_from_peer(socket, source.which, *peer);
    if (!model) return model;
    if (model->parameters.size() != layout.parameter_count)
        return std::unexpected(
            ExitReason{exit_failure, socket.string() + ": the model has another size than it says"});
    if (model->normalisation)
        if (const auto good = check_normalisation(*model->normalisation, layout.input.size()); !good)
            return command_ends(exit_failure, good.error());
    model->loss = learner::loss_name(loss_of(config, layout.target));
    return model;
}

}  // namespace

std::expected<LoadedModel, ExitReason> load_model(const Config& config, const ModelSource& source) {
    auto network = make_network(config);
    if (!network) return command_ends(exit_usage, network.error());
    const ModelLayout layout = ModelLayout::of(*network);
    std::expected<ModelFile, ExitReason> model;
    if (source.exported.empty()) {
        model = ask_peer(config, source, layout);
    } else {
        auto read = read_model(source.exported, layout);
        if (!read)
            return command_ends(read.error().kind == StorageFailure::system ? exit_storage : exit_usage,
                                read.error());
        model = std::move(*read);
    }
    if (!model) return std::unexpected(model.error());
    CHECK(network->set_parameters(model->parameters).has_value());
    return LoadedModel{std::move(*network), std::move(*model)};
}

}  // namespace parley::daemon
