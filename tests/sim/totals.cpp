#include "tests/sim/totals.hpp"

#include <algorithm>
#include <type_traits>

namespace parley::sim {

static_assert(std::is_trivially_copyable_v<Totals>);

namespace {

unsigned long long number(std::uint64_t value) { return value; }

}  // namespace

void Totals::add(const Simulation& simulation, bool is_broken, double core_seconds) {
    ++runs_;
    broken_ += is_broken ? 1 : 0;
    statistics_ += simulation.ledger().statistics();
    network_ += simulation.network_counters();
    slowest_recovery_ = std::max(slowest_recovery_, simulation.recovery());
    OfSize& size = sizes_.at(simulation.settings().members);
    ++size.runs;
    size.core_seconds += core_seconds;
    size.virtual_seconds += static_cast<double>(simulation.now().time_since_epoch().count()) / 1e6;
}

Totals& Totals::operator+=(const Totals& other) {
    runs_ += other.runs_;
    broken_ += other.broken_;
    statistics_ += other.statistics_;
    network_ += other.network_;
    slowest_recovery_ = std::max(slowest_recovery_, other.slowest_recovery_);
    for (std::size_t members = 0; members < sizes_.size(); ++members) {
        sizes_[members].runs += other.sizes_[members].runs;
        sizes_[members].core_seconds += other.sizes_[members].core_seconds;
        sizes_[members].virtual_seconds += other.sizes_[members].virtual_seconds;
    }
    return *this;
}

std::string Totals::text(double seconds) const {
    const Statistics& all = statistics_;
    std::string text =
        text_of("%llu runs, %llu broken, %.1f runs/s; %llu faults, %llu crashes, %llu lost disks, %llu terms, %llu messages\n",
                number(runs_), number(broken_), static_cast<double>(runs_) / seconds, number(all.faults),
                number(all.crashes), number(all.disks_lost), number(all.terms), number(all.messages)) +
        text_of("%llu records: %llu full, %llu partial rounds, %llu of slack (%llu sums of allowances), %llu applied by their whole set; "
                "%llu references skipped; %llu changes of the group, %llu of them seats given; slowest recovery %.1f s\n"
                "%llu leaves of models pulled, %llu pullers sent on; %llu compactions, %llu snapshots taken for records that were gone, %llu own averages in them\n",
                number(all.records), number(all.rounds_full), number(all.rounds_partial), number(all.rounds_slack), number(all.sums_of_allowances), number(all.rounds_applied),
                number(all.skipped_references), number(all.changes), number(all.seats), static_cast<double>(slowest_recovery_.count()) / 1e6,
                number(all.leaves), number(all.refusals), number(all.compactions), number(all.snapshots_taken), number(all.parts_in_snapshots)) +
        text_of("network: %llu sessions broken by full queues, %llu messages kept back by clogs; packets: %llu in "
                "datagrams, %llu on streams, %llu taken, %llu dropped by full queues\n",
                number(network_.overflows), number(network_.kept), number(network_.datagrams),
                number(network_.packets_on_streams), number(network_.packets_taken),
                number(network_.datagrams_dropped));
    for (std::size_t members = 0; members < sizes_.size(); ++members) {
        const OfSize& size = sizes_[members];
        if (size.runs == 0) continue;
        text += text_of("%2zu members: %6llu runs, %6.1f runs and %6.0f virtual seconds in a second of one core\n", members,
                        number(size.runs), static_cast<double>(size.runs) / size.core_seconds,
                        size.virtual_seconds / size.core_seconds);
    }
    return text;
}

}  // namespace parley::sim
