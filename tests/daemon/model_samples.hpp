// Models for the tests of model files.
#pragma once

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "daemon/model/model_file.hpp"
#include "daemon/model/npy.hpp"
#include "daemon/model/zip_archive.hpp"

namespace parley::test {

using namespace parley::daemon;

inline learner::Network sample_network(std::uint64_t seed = 1) {
    learner::ModelSpec spec;
    spec.preset = "mlp";
    spec.input = learner::feature_shape(3);
    spec.target = learner::class_target(2);
    spec.hidden = {4};
    spec.initialisation_seed = seed;
    auto network = learner::Network::create(spec);
    BOOST_REQUIRE_MESSAGE(network, (network ? "" : network.error().message));
    return std::move(*network);
}

// With a value of its own in every place.
inline ModelFile sample_model(const ModelLayout& layout, bool with_normalisation = true) {
    ModelFile model{.loss = "softmax-cross-entropy",
                    .provenance = {.peer = "north",
                                   .cluster = "lab",
                                   .reference = true,
                                   .batches = 12,
                                   .samples = 120,
                                   .applied = 3},
                    .parameters = {},
                    .normalisation = {}};
    for (std::size_t i = 0; i < layout.parameter_count; ++i)
        model.parameters.push_back(0.5F + static_cast<float>(i));
    if (with_normalisation)
        model.normalisation = Normalisation{.samples = 120, .mean = {1.5, -2, 0}, .deviation = {0.5, 1, 0}};
    return model;
}

// The first difference, or nothing.
inline std::string difference(const ModelFile& a, const ModelFile& b) {
    if (a.loss != b.loss) return "loss";
    if (a.provenance != b.provenance) return "provenance";
    if (a.parameters != b.parameters) return "parameters";
    if (a.normalisation != b.normalisation) return "normalisation";
    return {};
}

// The arrays of an .npz by their names, to be changed and written again.
inline std::vector<ZipEntry> entries_of(const FileBytes& npz) {
    auto entries = read_zip(npz, 100, [](const std::string&) -> Result<std::size_t> { return 1 << 20; });
    BOOST_REQUIRE_MESSAGE(entries, (entries ? "" : entries.error().message));
    return std::move(*entries);
}

inline ZipEntry& entry_of(std::vector<ZipEntry>& entries, const std::string& name) {
    for (ZipEntry& entry : entries)
        if (entry.name == name + ".npy") return entry;
    BOOST_FAIL("no entry " << name);
    return entries.front();
}

inline FileBytes bytes_of_text(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

}  // namespace parley::test
