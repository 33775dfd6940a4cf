#include "daemon/model/initial_model.hpp"

namespace parley::daemon {
namespace {

// What a peer that has started leaves behind.
constexpr const char* traces_of_a_start[] = {"starts", "log", "checkpoint", "checkpoint.previous"};

}  // namespace

StorageResult<void> install_initial_model(const std::filesystem::path& state_directory,
                                          const ModelFile& model, const ModelLayout& layout,
                                          IfExists if_exists) {
    const std::filesystem::path directory = std::filesystem::absolute(state_directory);
    if (auto made = make_directory(directory); !made) return made;
    const auto lock = DirectoryLock::acquire(directory);
    if (!lock) return std::unexpected(lock.error());
    std::error_code ignored;
    for (const char* name : traces_of_a_start)
        if (std::filesystem::exists(directory / name, ignored))
            return damaged(
                (directory / name).string() +
                " is there: this peer has started before, and its group goes on from what it has learned; "
                "give the new model a state directory and a group of its own (parley init)");
    const std::filesystem::path file = directory / initial_model_name;
    if (if_exists == IfExists::refuse && std::filesystem::exists(file, ignored))
        return damaged(file.string() + " is there already; --force replaces it");
    return write_model(file, model, layout, if_exists);
}

StorageResult<std::optional<Parameters>> load_initial_model(const std::filesystem::path& state_directory,
                                                            const ModelLayout& layout) {
    const std::filesystem::path file = state_directory / initial_model_name;
    std::error_code failed;
    if (!std::filesystem::exists(file, failed)) {
        if (failed) return system_failure("look for", file, failed.value());
        return std::nullopt;
    }
    auto model = read_model(file, layout);
    if (model) return std::move(model->parameters);
    if (model.error().kind != StorageFailure::damaged) return std::unexpected(model.error());
    return damaged(
        "the initial model cannot be used: " + model.error().message + "\ncopy " + initial_model_name +
        " from another peer of the group, or `parley import` the model again before the first start; without "
        "the file this peer would have another first model than its group, and be refused");
}

}  // namespace parley::daemon
