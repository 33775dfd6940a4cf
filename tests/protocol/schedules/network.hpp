// The network of a schedule: one queue a direction, from which the schedule takes, loses, repeats and holds messages.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/protocol/schedules/node.hpp"

namespace parley::schedules {

class Network {
public:
    using Link = std::pair<PeerId, PeerId>;  // from, to
    struct Letter {
        Link link;
        Message message;
        std::uint64_t number;  // in the order of sending
    };

    // Lost at once when the link is cut.
    void send(const PeerId& from, const PeerId& to, Message message);
    // The first letter on the link of that kind ("" is any); held ones too, for the schedule asks for them by name.
    std::optional<Letter> take(const Link& link, const std::string& kind);
    // The oldest letter on any link that is not held.
    std::optional<Letter> take_next();
    void put_back(Letter letter);  // to the end: late or once more
    [[nodiscard]] std::vector<Message> on(const Link& link) const;
    [[nodiscard]] bool is_cut(const Link& link) const { return cut_.contains(link); }

    void cut(const Link& link);    // what is under way is lost too
    void heal() { cut_.clear(); }
    void hold(const Link& link, const std::string& kind) { held_.insert({link, kind}); }
    void release(const Link& link, const std::string& kind) { held_.erase({link, kind}); }
    void lose(const Link& link) { std::erase_if(letters_, [&](const Letter& letter) { return letter.link == link; }); }

private:
    [[nodiscard]] bool is_held(const Letter& letter) const;

    std::deque<Letter> letters_;
    std::set<Link> cut_;
    std::set<std::pair<Link, std::string>> held_;
    std::uint64_t sent_ = 0;
};

}  // namespace parley::schedules
