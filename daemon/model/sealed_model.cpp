#include "daemon/model/sealed_model.hpp"

#include "daemon/storage/byte_io.hpp"

namespace parley::daemon {
namespace {

// Room for the largest model, its normalisation and some texts; what is allocated is what a file really has.
constexpr SealedFormat sealed_model_format{
    .magic = "PARLEYMD", .version = 1, .bytes_max = 2 * learner::parameters_max * sizeof(float)};

void put_layout(ByteWriter& writer, const ModelLayout& layout) {
    writer.put_range(layout.description);
    writer.put(static_cast<std::uint8_t>(layout.target.is_class() ? 0 : 1));
    writer.put(layout.target.size);
    writer.put(layout.input.height);
    writer.put(layout.input.width);
    writer.put(layout.input.channels);
}

// Fails if it is not this layout. Equal descriptions are equal models; the other fields are for readers in
// other languages and must not contradict.
Result<void> check_layout(ByteReader& reader, const ModelLayout& layout) {
    std::string description;
    reader.get_range<char>(description);
    const auto task = reader.get<std::uint8_t>();
    const auto outputs = reader.get<std::uint32_t>();
    learner::Shape input;
    input.height = reader.get<std::uint32_t>();
    input.width = reader.get<std::uint32_t>();
    input.channels = reader.get<std::uint32_t>();
    if (reader.failed()) return failure("its content is malformed");
    if (description != layout.description) return failure(another_model(description, layout.description));
    if (task != (layout.target.is_class() ? 0 : 1) || outputs != layout.target.size || input != layout.input)
        return failure("its input or target contradict its description");
    return {};
}

void get_provenance(ByteReader& reader, Provenance& provenance) {
    reader.get_range<char>(provenance.peer);
    reader.get_range<char>(provenance.cluster);
    const auto which = reader.get<std::uint8_t>();
    if (which > 1) reader.fail();
    provenance.reference = which == 1;
    provenance.batches = reader.get<std::uint64_t>();
    provenance.samples = reader.get<std::uint64_t>();
    provenance.applied = reader.get<std::uint64_t>();
}

void get_normalisation(ByteReader& reader, std::optional<Normalisation>& normalisation) {
    const auto is_there = reader.get<std::uint8_t>();
    if (is_there > 1) reader.fail();
    if (is_there != 1 || reader.failed()) return;
    normalisation.emplace();
    normalisation->samples = reader.get<std::uint64_t>();
    reader.get_range<double>(normalisation->mean);
    reader.get_range<double>(normalisation->deviation);
}

}  // namespace

FileBytes encode_model(const ModelFile& model, const ModelLayout& layout) {
    ByteWriter writer;
    put_layout(writer, layout);
    writer.put_range(model.loss);
    writer.put_range(model.provenance.peer);
    writer.put_range(model.provenance.cluster);
    writer.put(static_cast<std::uint8_t>(model.provenance.reference ? 1 : 0));
    writer.put(model.provenance.batches);
    writer.put(model.provenance.samples);
    writer.put(model.provenance.applied);
    writer.put_range(model.parameters);
    writer.put(static_cast<std::uint8_t>(model.normalisation ? 1 : 0));
    if (model.normalisation) {
        writer.put(model.normalisation->samples);
        writer.put_range(model.normalisation->mean);
        writer.put_range(model.normalisation->deviation);
    }
    return writer.bytes();
}

Result<ModelFile> decode_model(ByteSpan content, const ModelLayout& layout) {
    ByteReader reader(content);
    if (const auto fits = check_layout(reader, layout); !fits) return std::unexpected(fits.error());
    ModelFile model;
    reader.get_range<char>(model.loss);
    get_provenance(reader, model.provenance);
    reader.get_range<float>(model.parameters);
    get_normalisation(reader, model.normalisation);
    if (!reader.complete()) return failure("its content is malformed");
    if (model.parameters.size() != layout.parameter_count)
        return failure("it holds " + std::to_string(model.parameters.size()) +
                       " parameters, but the model has " + std::to_string(layout.parameter_count));
    if (const auto finite = check_finite(model.parameters, layout.blocks); !finite)
        return std::unexpected(finite.error());
    if (model.normalisation)
        if (const auto good = check_normalisation(*model.normalisation, layout.input.size()); !good)
            return std::unexpected(good.error());
    return model;
}

StorageResult<void> write_sealed_model(const std::filesystem::path& file, const ModelFile& model,
                                       const ModelLayout& layout, IfExists if_exists) {
    return write_sealed(file, sealed_model_format, {encode_model(model, layout)}, if_exists);
}

StorageResult<ModelFile> read_sealed_model(const std::filesystem::path& file, const ModelLayout& layout) {
    const auto content = read_sealed(file, sealed_model_format);
    if (!content) return std::unexpected(content.error());
    if (!*content) return damaged(file.string() + ": there is no such file");
    auto model = decode_model(**content, layout);
    if (!model) return damaged(file.string() + ": " + model.error().message);
    return std::move(*model);
}

}  // namespace parley::daemon
