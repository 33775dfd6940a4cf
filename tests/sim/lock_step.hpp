// Settings of a group without faults whose learners move when a test says so.
#pragma once

#include "tests/sim/settings.hpp"

namespace parley::sim {

inline Settings lock_step_settings(std::uint64_t seed, std::size_t members) {
    Settings settings = draw_settings(seed, false);
    settings.faults = false;
    settings.members = members;
    settings.founders = 0;
    settings.members_change = false;
    settings.sparse_seeds = false;
    settings.through_codec = true;
    settings.timing = Timing::fast();
    settings.scale = 0.2;
    settings.batch = 20ms;
    settings.disk_delay = 1ms;
    settings.latency = 1ms;
    settings.divergence_threshold = 0.5;
    settings.weighting = Weighting::equal;
    settings.augmentation = Augmentation::random;
    settings.encoding = ModelEncoding::f32;
    return settings;
}

}  // namespace parley::sim
