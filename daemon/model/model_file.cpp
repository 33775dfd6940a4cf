#include "daemon/model/model_file.hpp"

#include <cmath>

#include "daemon/model/npz.hpp"
#include "daemon/model/sealed_model.hpp"

namespace parley::daemon {

ModelLayout ModelLayout::of(const learner::Network& network) {
    return {.description = network.description(),
            .input = network.input(),
            .target = network.target(),
            .blocks = network.parameter_blocks(),
            .parameter_count = network.parameter_count()};
}

Result<ModelFormat> model_format_of(const std::filesystem::path& file) {
    if (file.extension() == ".parley") return ModelFormat::parley;
    if (file.extension() == ".npz") return ModelFormat::npz;
    return failure(
        file.string() +
        ": the ending says which format a model file has, and it is neither .parley (Parley's own) nor .npz "
        "(NumPy's); name the file accordingly");
}

StorageResult<void> write_model(const std::filesystem::path& file, const ModelFile& model,
                                const ModelLayout& layout, IfExists if_exists) {
    CHECK(model.parameters.size() == layout.parameter_count);
    const auto format = model_format_of(file);
    if (!format) return damaged(format.error().message);
    if (const auto finite = check_finite(model.parameters, layout.blocks); !finite)
        return damaged("the model has diverged: " + finite.error().message +
                       "; export a group's reference or an earlier model");
    const std::filesystem::path place = std::filesystem::absolute(file);  // its directory is to be synced
    if (*format == ModelFormat::parley) return write_sealed_model(place, model, layout, if_exists);
    const auto bytes = encode_npz(model, layout);
    if (!bytes) return damaged(file.string() + ": " + bytes.error().message);
    return write_file(place, {*bytes}, if_exists);
}

StorageResult<ModelFile> read_model(const std::filesystem::path& file, const ModelLayout& layout) {
    const auto format = model_format_of(file);
    if (!format) return damaged(format.error().message);
    if (*format == ModelFormat::parley) return read_sealed_model(file, layout);
    const auto bytes = read_file(file, npz_bytes_max(layout));
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) return damaged(file.string() + ": there is no such file");
    auto model = decode_npz(**bytes, layout);
    if (!model) return damaged(file.string() + ": " + model.error().message);
    return std::move(*model);
}

Result<void> check_finite(std::span<const float> parameters,
                          const std::vector<learner::ParameterBlock>& blocks) {
    for (const learner::ParameterBlock& block : blocks)
        for (std::size_t i = 0; i < block.count; ++i) {
            const float value = parameters[block.begin + i];
            if (!std::isfinite(value))
                return failure(block.name + "[" + std::to_string(i) + "] is " + std::to_string(value) +
                               ", not a finite 32-bit number");
        }
    return {};
}

std::string another_model(const std::string& there, const std::string& configured) {
    return "it holds another model:\n  there: " + there + "\n  configured: " + configured +
           "\ngive a file of this model, or the config that the file was made with";
}

}  // namespace parley::daemon
