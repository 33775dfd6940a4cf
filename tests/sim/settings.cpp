#include "tests/sim/settings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "tests/sim/transcript.hpp"

namespace parley::sim {

bool chance(Rng& rng, double probability) { return uniform_unit(rng) < probability; }

Duration exponential(Rng& rng, Duration mean) {
    const double factor = -std::log(1.0 - uniform_unit(rng));
    return Duration(static_cast<Duration::rep>(static_cast<double>(mean.count()) * factor));
}

Duration scaled(const Settings& settings, double seconds) {
    return Duration(static_cast<Duration::rep>(seconds * settings.scale * 1e6));
}

namespace {

// Large groups have one by themselves. In small ones it is smaller than it ever is elsewhere, so that all that breaks a group breaks
// committees too; and where members come and go, some groups get one on the way and lose it again.
void draw_committee(Settings& settings, Rng& rng) {
    CommitteeRule& rule = settings.committee;
    rule.terms_per_exchange = std::uint64_t{1} << uniform_below(rng, 7);
    const std::size_t least = settings.disks_fail ? 3 : 1;  // of two voters none may lose its disk
    if (settings.members <= std::max<std::size_t>(2, least) || settings.members >= 15 || !chance(rng, 0.4)) return;
    rule.seats = least + uniform_below(rng, settings.members - least);
    rule.everybody_up_to = rule.seats + uniform_below(rng, settings.members - rule.seats);
}

Duration between(Rng& rng, Duration least, Duration most) { return least + uniform_duration(rng, most - least); }

}  // namespace

Settings draw_settings(std::uint64_t seed, bool biased, std::size_t members) {
    Settings settings;
    settings.seed = seed;
    settings.biased = biased;
    Rng rng(seed * 2 + (biased ? 1 : 0));
    // Five and three matter most; one, two and seven have their own corners.
    constexpr std::array<std::size_t, 10> sizes{5, 5, 5, 3, 3, 3, 7, 7, 2, 1};
    settings.members = sizes.at(uniform_below(rng, sizes.size()));
    // Large groups now and then, for a shorter time: a message to everybody costs the square.
    const std::uint64_t rare = uniform_below(rng, 500);
    if (rare < 16) settings.members = 15;
    if (rare == 16) settings.members = 50;
    if (members != 0) settings.members = members;
    const bool fast = chance(rng, 0.4) && settings.members < 50;  // that would be 8,000 heartbeats a second
    settings.timing = fast ? Timing::fast() : Timing();
    settings.scale = fast ? 0.2 : 1.0;
    // Whoever is cut off comes back with its disk, if after a while: giving up a holder costs a part in a round, which
    // the invariants do not allow here.
    settings.timing.holder_patience = 1h;
    settings.through_codec = chance(rng, 0.5) && settings.members < 50;
    settings.sparse_seeds = chance(rng, 0.25);
    settings.divergence_threshold = 0.25 + uniform_unit(rng);
    settings.check_period = 1 + uniform_below(rng, 5);
    settings.batch = between(rng, 40ms, 200ms);
    settings.step_size = 0.005 + 0.02 * uniform_unit(rng);
    settings.drift_size = 0.03 * uniform_unit(rng);
    settings.checkpoint_interval = between(rng, 1s, 12s);
    settings.disk_delay = chance(rng, 0.2) ? between(rng, 100ms, 800ms) : between(rng, 1ms, 30ms);
    settings.checkpoint_interval = std::max(settings.checkpoint_interval, 5 * settings.disk_delay);  // or it drowns
    settings.latency = between(rng, 500us, 8ms);
    settings.fault_interval = scaled(settings, 3.0 + 4.0 * uniform_unit(rng));
    if (settings.members == 50) settings.fault_interval /= 4;
    settings.safety_phase = between(rng, 90s, 120s);
    if (settings.members == 15) settings.safety_phase /= 2;
    if (settings.members == 50) settings.safety_phase /= 6;
    settings.crash_at_persist = chance(rng, 0.5) ? 0.01 * uniform_unit(rng) : 0;
    if (chance(rng, 0.25)) settings.slow_link = scaled(settings, 0.02 + 0.13 * uniform_unit(rng));
    const double model_seconds = 0.002 * std::exp(3.5 * uniform_unit(rng));  // 2 .. 66 ms
    settings.bytes_per_second = static_cast<double>(settings.model_bytes) / model_seconds;
    // A member that lags gets 64 records at a time, again with each heartbeat: about 20 KiB at seven members.
    settings.control_queue_bytes = (std::size_t{16} << uniform_below(rng, 4)) << 10U;
    settings.control_queue_bytes *= std::max<std::size_t>(1, settings.members / 7);
    settings.bulk_queue_models = 2 + uniform_below(rng, 7);
    settings.datagram_queue = std::size_t{16} << uniform_below(rng, 5);
    settings.rounds_per_term = chance(rng, 0.6) ? 1 : chance(rng, 0.5) ? 3 : 1'000'000;  // the last: by time alone
    if (chance(rng, 1.0 / 3)) settings.log_kept.records = 1 + uniform_below(rng, 8);
    // The last draws, so that a group that stays as it is runs as its seed always did.
    if (settings.members <= 7 && chance(rng, 0.5)) {
        settings.members_change = true;
        settings.founders = settings.members;
        settings.members += 1 + uniform_below(rng, 2);
        settings.sparse_seeds = false;  // the one whom everybody knows may be removed
    }
    // Not both: of a group that shrinks to two members one may be the one without its disk.
    settings.disks_fail = settings.members >= 3 && !settings.members_change && chance(rng, 0.6);
    // One leaf in a third of the runs, else three to eight.
    if (chance(rng, 2.0 / 3)) settings.leaf_parameters = 1 + uniform_below(rng, 3);
    if (chance(rng, 0.5)) settings.weighting = Weighting::samples;
    if (chance(rng, 0.5)) settings.encoding = static_cast<ModelEncoding>(1 + uniform_below(rng, 3));
    draw_committee(settings, rng);
    constexpr std::array<Augmentation, 8> augmentations{Augmentation::random, Augmentation::random, Augmentation::random, Augmentation::all,
                                                        Augmentation::hedge,  Augmentation::slack,  Augmentation::slack,  Augmentation::slack};
    settings.augmentation = augmentations.at(uniform_below(rng, augmentations.size()));
    // A day is short in some of these worlds; not where a disk may be lost, for a group that shrinks to two may need it.
    if (!settings.disks_fail && chance(rng, 0.3)) settings.timing.member_patience = scaled(settings, 15 + 30 * uniform_unit(rng));
    return settings;
}

HashTree Settings::tree() const { return {hash_of, node_hash_of, leaf_parameters}; }

std::string Settings::text() const {
    std::array<char, 512> text{};
    std::snprintf(text.data(), text.size(),
                  "seed=%llu%s members=%zu founders=%zu%s%s timing=%s codec=%d sparse_seeds=%d Delta=%.3f augmentation=%s weighting=%s encoding=%s check_period=%zu batch=%lldus "
                  "step=%.4f drift=%.4f checkpoint=%lldus disk=%lldus fault_interval=%lldus "
                  "latency=%lldus slow_link=%lldus rate=%.1fMB/s control_queue=%zu bulk_queue=%zu datagrams=%zu rounds_per_term=%llu log_kept=%zu leaf=%zu "
                  "committee=%zu/%zu exchange=%llu",
                  static_cast<unsigned long long>(seed), biased ? " biased" : "", members, founding(), members_change ? " changing" : "", disks_fail ? " disks-fail" : "",
                  scale < 1 ? "fast" : "lan", through_codec, sparse_seeds, divergence_threshold, augmentation_name(augmentation), weighting_name(weighting), encoding_name(encoding).data(), check_period,
                  static_cast<long long>(batch.count()), step_size, drift_size,
                  static_cast<long long>(checkpoint_interval.count()), static_cast<long long>(disk_delay.count()),
                  static_cast<long long>(fault_interval.count()), static_cast<long long>(latency.count()),
                  static_cast<long long>(slow_link.count()), bytes_per_second / 1e6, control_queue_bytes,
                  bulk_queue_models, datagram_queue, static_cast<unsigned long long>(rounds_per_term),
                  log_kept.records, leaf_parameters, committee.seats, committee.everybody_up_to,
                  static_cast<unsigned long long>(committee.terms_per_exchange));
    return text.data();
}

}  // namespace parley::sim
