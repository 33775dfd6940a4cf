// One input for each reader of model files; shared by the seeded test and the libFuzzer target. What is
// accepted is compared with what must hold of it.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "daemon/model/npy.hpp"
#include "daemon/model/npz.hpp"
#include "daemon/model/sealed_model.hpp"

namespace parley::daemon::fuzz {

inline ModelLayout small_layout() {
    learner::ModelSpec spec;
    spec.preset = "mlp";
    spec.input = learner::feature_shape(3);
    spec.target = learner::class_target(2);
    spec.hidden = {4};
    return ModelLayout::of(*learner::Network::create(spec));
}

// What no reader may let through.
inline void check_model(const ModelFile& model, const ModelLayout& layout) {
    CHECK(model.parameters.size() == layout.parameter_count);
    for (const float parameter : model.parameters)
        CHECK(std::isfinite(parameter));
    if (model.normalisation)
        CHECK(check_normalisation(*model.normalisation, layout.input.size()).has_value());
}

// Whether any reader took it.
inline bool try_model_bytes(ByteSpan bytes, const ModelLayout& layout) {
    const auto npz = decode_npz(bytes, layout);
    if (npz) {
        check_model(*npz, layout);
        CHECK(decode_npz(*encode_npz(*npz, layout), layout)->parameters == npz->parameters);
    }
    const auto sealed = decode_model(bytes, layout);
    if (sealed) check_model(*sealed, layout);
    const auto array = parse_npy(bytes);
    if (array) {
        static_cast<void>(npy_text(*array));
        static_cast<void>(npy_integer(*array));
        const auto values = npy_floats(*array, array->shape);
        if (values) CHECK(values->size() <= array->values.size());
    }
    return npz || sealed || array;
}

}  // namespace parley::daemon::fuzz
