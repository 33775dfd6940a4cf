#include "protocol/random.hpp"
#include "tests/protocol/etcd/script.hpp"

namespace parley::etcd {

namespace {

class Writer {
public:
    explicit Writer(std::uint64_t number) : rng_(number), members_(2 + uniform_below(rng_, 4)) {}

    std::string write() {
        add("group " + std::to_string(members_));
        campaign();
        add("settle");
        const std::uint64_t steps = 5 + uniform_below(rng_, 20);
        for (std::uint64_t i = 0; i < steps; ++i) {
            operation();
            add("settle");
        }
        add("heal");
        add("settle");
        return text_;
    }

private:
    void add(const std::string& line) { text_ += line + "\n"; }
    std::string member() { return std::to_string(1 + uniform_below(rng_, members_)); }

    void campaign() {
        // A vote passes only where no coordinator was heard lately: let that be so at some, at all, or nowhere.
        const std::uint64_t forgetful = uniform_below(rng_, 3);
        for (std::uint64_t id = 1; id <= members_; ++id)
            if (forgetful == 2 || (forgetful == 1 && uniform_below(rng_, 2) == 0)) add("expire " + std::to_string(id));
        add("campaign " + member());
        if (uniform_below(rng_, 3) == 0) add("campaign " + member());
    }

    void cut() {
        const std::string one = member();
        switch (uniform_below(rng_, 2)) {
            case 0:
                for (std::uint64_t other = 1; other <= members_; ++other)
                    add("cut " + one + " " + std::to_string(other)), add("cut " + std::to_string(other) + " " + one);
                return;
            default:
                for (std::uint64_t left = 1; left <= members_ / 2; ++left)
                    for (std::uint64_t right = members_ / 2 + 1; right <= members_; ++right) {
                        add("cut " + std::to_string(left) + " " + std::to_string(right));
                        add("cut " + std::to_string(right) + " " + std::to_string(left));
                    }
        }
    }

    // One direction, during an election alone: how an append whose answer is lost is repeated is where we differ, for
    // etcd's heartbeats carry no records.
    void cut_one_way() {
        for (std::uint64_t i = 1 + uniform_below(rng_, 3); i > 0; --i)
            add("cut " + member() + " " + member());
        campaign();
        add("deliver");
        add("heal");
    }

    void operation() {
        switch (uniform_below(rng_, 13)) {
            case 0:
            case 1:
            case 2: return campaign();
            case 3:
            case 4:
            case 5: return add("propose");
            case 6: return add("transfer " + member());
            case 7:
            case 8: return cut();
            case 9: return add("heal");
            case 10: return add("quorum");
            case 11: return cut_one_way();
            default: return add("restart " + member());
        }
    }

    Rng rng_;
    std::uint64_t members_;
    std::string text_;
};

}  // namespace

std::string write_script(std::uint64_t number) { return Writer(number).write(); }

}  // namespace parley::etcd
