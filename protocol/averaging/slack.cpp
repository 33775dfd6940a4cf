#include "protocol/averaging/slack.hpp"

#include <array>

#include "protocol/averaging/augmentation.hpp"
#include "protocol/types.hpp"

namespace parley {

const char* augmentation_name(Augmentation augmentation) {
    static constexpr std::array names = {"random", "all", "hedge", "slack"};
    return names.at(static_cast<std::size_t>(augmentation));
}

namespace {

constexpr double usable = 0.98;     // of the allowances
constexpr double rounding = 1e-12;  // of sums of a few dozen numbers, relative

}  // namespace

std::optional<std::vector<Allowance>> hand_out_slack(const std::map<PeerId, double>& distances,
                                                     const std::map<PeerId, double>& allowances) {
    if (distances.size() < 2) return std::nullopt;
    double used = 0;
    double budget = 0;
    for (const auto& [member, distance] : distances) {
        used += distance;
        budget += allowances.at(member);
    }
    if (!(used <= usable * budget)) return std::nullopt;
    const double left = (budget * (1 - rounding) - used) / static_cast<double>(distances.size());
    std::vector<Allowance> handed;
    for (const auto& [member, distance] : distances)
        handed.push_back({member, distance + left});
    return handed;
}

}  // namespace parley
