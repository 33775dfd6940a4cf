// What one seed decides before the first event: the size of the group, its timing, its disks, how its learners
// move and how often something breaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/averaging/augmentation.hpp"
#include "protocol/averaging/sample_marks.hpp"
#include "protocol/encoding/model_encoding.hpp"
#include "protocol/hash_tree.hpp"
#include "protocol/log/committee_rule.hpp"
#include "protocol/log/compaction.hpp"
#include "protocol/random.hpp"
#include "protocol/timing.hpp"
#include "protocol/types.hpp"

namespace parley::sim {

struct Settings {
    std::uint64_t seed = 0;
    bool biased = false;               // late messages, crashes at the worst instant, isolated coordinators
    bool faults = true;
    std::size_t members = 5;           // hosts
    std::size_t founders = 0;          // the first so many begin the group; 0: all of them
    bool members_change = false;       // the others join, members are removed and admitted again
    bool disks_fail = false;           // now and then one host loses everything it kept
    Timing timing;
    double scale = 1;                  // of all durations below, 1 for `lan`, 0.2 for `fast`
    bool through_codec = true;         // every message is encoded and decoded on its way
    bool sparse_seeds = false;         // hosts know the address of the first one only
    std::size_t parameter_count = 8;
    std::size_t leaf_parameters = 8;   // of a leaf of the model's hash tree
    double divergence_threshold = 0.5;
    Weighting weighting = Weighting::equal;
    Augmentation augmentation = Augmentation::random;
    ModelEncoding encoding = ModelEncoding::f32;
    std::size_t check_period = 3;      // batches between two reports of the distance
    Duration batch{};                  // mean time of one
    double step_size = 0;              // per batch and parameter, of the random walk
    double drift_size = 0;             // per batch and parameter, of the tendency
    Duration checkpoint_interval{};    // mean
    Duration disk_delay{};             // mean, of a blob or a checkpoint
    Duration latency{};                // mean of all links' means, beyond 1 ms
    Duration slow_link{};              // mean latency of one link, which is narrow as well; zero: there is none
    std::size_t model_bytes = std::size_t{1} << 20U;  // that a model counts for on its way
    double bytes_per_second = 100e6;   // of a usual link
    // Of one direction of one pair; what happens beyond: network.hpp.
    std::size_t control_queue_bytes = std::size_t{256} << 10U;
    std::size_t bulk_queue_models = 8;
    std::size_t datagram_queue = 200;
    Duration fault_interval{};         // mean
    Duration safety_phase{};
    std::uint64_t rounds_per_term = 1;
    LogKept log_kept;                  // before compaction: a third of the runs keep a handful
    CommitteeRule committee;           // smaller ones in many runs, whose seats are exchanged more often
    double crash_at_persist = 0;       // probability, per output that persists something

    [[nodiscard]] std::size_t founding() const { return founders == 0 ? members : founders; }
    [[nodiscard]] HashTree tree() const;
    std::string text() const;          // one line
};

// `members`: of a group of that size; 0: that is drawn too.
Settings draw_settings(std::uint64_t seed, bool biased, std::size_t members = 0);

// Randomness of the simulator beside protocol/random.hpp.
bool chance(Rng& rng, double probability);
Duration exponential(Rng& rng, Duration mean);
Duration scaled(const Settings& settings, double seconds);

}  // namespace parley::sim
