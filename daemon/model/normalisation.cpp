#include "daemon/model/normalisation.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace parley::daemon {
namespace {

Result<void> check_values(const char* name, const std::vector<double>& values, std::size_t features,
                          double least) {
    if (values.size() != features)
        return failure(std::string(name) + " has " + std::to_string(values.size()) +
                       " values, but the model has " + std::to_string(features) +
                       " features; it is another model's");
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isfinite(values[i]) || values[i] < least)
            return failure(std::string(name) + "[" + std::to_string(i) + "] is " + std::to_string(values[i]) +
                           (std::isfinite(values[i]) ? ", which is negative" : ", not a finite number"));
    return {};
}

bool is_list_of_numbers(const nlohmann::json& list) {
    if (!list.is_array()) return false;
    for (const nlohmann::json& value : list)
        if (!value.is_number()) return false;
    return true;
}

}  // namespace

void Normalisation::apply(std::span<float> sample) const {
    CHECK(sample.size() == mean.size() && mean.size() == deviation.size());
    for (std::size_t i = 0; i < sample.size(); ++i)
        sample[i] = deviation[i] > 0
                        ? static_cast<float>((static_cast<double>(sample[i]) - mean[i]) / deviation[i])
                        : 0.0f;
}

void Normalisation::apply_to_all(std::span<float> values) const {
    for (; !values.empty(); values = values.subspan(mean.size()))
        apply(values.first(mean.size()));
}

Normalisation normalisation_of(const learner::Normaliser& normaliser) {
    Normalisation normalisation{.samples = normaliser.samples(), .mean = {}, .deviation = {}};
    for (std::size_t feature = 0; feature < normaliser.features(); ++feature) {
        normalisation.mean.push_back(normaliser.mean(feature));
        normalisation.deviation.push_back(normaliser.deviation(feature));
    }
    return normalisation;
}

Result<void> check_normalisation(const Normalisation& normalisation, std::size_t features) {
    constexpr double any = std::numeric_limits<double>::lowest();
    if (auto good = check_values("normalisation.mean", normalisation.mean, features, any); !good) return good;
    return check_values("normalisation.deviation", normalisation.deviation, features, 0);
}

nlohmann::json normalisation_json(const std::optional<learner::Normaliser>& normaliser) {
    if (!normaliser) return {{"samples", nullptr}, {"mean", nullptr}, {"deviation", nullptr}};
    const Normalisation normalisation = normalisation_of(*normaliser);
    return {{"samples", normalisation.samples},
            {"mean", normalisation.mean},
            {"deviation", normalisation.deviation}};
}

Result<std::optional<Normalisation>> parse_normalisation(const nlohmann::json& answer) {
    const auto of_another_version = [] {
        return failure("the peer's answer to GET /normalisation is malformed: parleyd is of another version");
    };
    for (const char* name : {"samples", "mean", "deviation"})
        if (!answer.is_object() || !answer.contains(name)) return of_another_version();
    if (answer["samples"].is_null()) return std::optional<Normalisation>();
    if (!answer["samples"].is_number_unsigned() || !is_list_of_numbers(answer["mean"]) ||
        !is_list_of_numbers(answer["deviation"]))
        return of_another_version();
    return Normalisation{.samples = answer["samples"].get<std::uint64_t>(),
                         .mean = answer["mean"].get<std::vector<double>>(),
                         .deviation = answer["deviation"].get<std::vector<double>>()};
}

}  // namespace parley::daemon
