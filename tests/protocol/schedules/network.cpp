#include "tests/protocol/schedules/network.hpp"

#include <algorithm>

namespace parley::schedules {

void Network::send(const PeerId& from, const PeerId& to, Message message) {
    if (!cut_.contains({from, to})) letters_.push_back({{from, to}, std::move(message), sent_++});
}

std::optional<Network::Letter> Network::take(const Link& link, const std::string& kind) {
    const auto found = std::ranges::find_if(letters_, [&](const Letter& letter) {
        return letter.link == link && (kind.empty() || kind == message_name(letter.message));
    });
    if (found == letters_.end()) return std::nullopt;
    Letter letter = std::move(*found);
    letters_.erase(found);
    return letter;
}

bool Network::is_held(const Letter& letter) const {
    return held_.contains({letter.link, ""}) || held_.contains({letter.link, message_name(letter.message)});
}

std::optional<Network::Letter> Network::take_next() {
    const auto found = std::ranges::find_if(letters_, [this](const Letter& letter) { return !is_held(letter); });
    if (found == letters_.end()) return std::nullopt;
    Letter letter = std::move(*found);
    letters_.erase(found);
    return letter;
}

void Network::put_back(Letter letter) {
    letter.number = sent_++;
    letters_.push_back(std::move(letter));
}

std::vector<Message> Network::on(const Link& link) const {
    std::vector<Message> messages;
    for (const Letter& letter : letters_)
        if (letter.link == link) messages.push_back(letter.message);
    return messages;
}

void Network::cut(const Link& link) {
    cut_.insert(link);
    lose(link);
}

}  // namespace parley::schedules
