// Words of the schedules: peers, numbers, records, messages.
#include <charconv>

#include "tests/protocol/schedules/node.hpp"
#include "tests/protocol/support.hpp"

namespace parley::schedules {

PeerId peer_of(const std::string& letter) {
    if (letter.size() != 1 || letter[0] < 'A' || letter[0] > 'L') fail("'" + letter + "' is no peer: A to L");
    return test::peer(static_cast<std::uint8_t>(letter[0] - 'A' + 1));
}

std::string letter_of(const PeerId& id) { return std::string(1, static_cast<char>('A' + id.bytes[0] - 1)); }

std::string letters_of(const std::vector<PeerId>& ids) {
    std::string letters;
    for (const PeerId& id : ids)
        letters += letter_of(id);
    return letters.empty() ? "-" : letters;
}

std::uint64_t number_of(const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) fail("'" + text + "' is no number");
    return value;
}

Duration duration_of(const std::string& text) {
    if (text.ends_with("ms")) return std::chrono::milliseconds(number_of(text.substr(0, text.size() - 2)));
    if (text.ends_with("s")) return std::chrono::seconds(number_of(text.substr(0, text.size() - 1)));
    fail("'" + text + "' is no duration, as 500ms or 3s");
}

// remove:B
Members change_of(const std::string& text) {
    using enum Members::Change;
    const std::size_t colon = text.find(':');
    for (const auto change : {admit, promote, demote, remove, revoke, enroll, enlist, seat, unseat})
        if (colon != std::string::npos && text.substr(0, colon) == change_name(change))
            return {change, peer_of(text.substr(colon + 1))};
    fail("'" + text + "' is no change of the group, as remove:B");
}

Record record_of(const std::string& text) {
    const std::size_t dot = text.find('.');
    const Term term{number_of(text.substr(0, dot))};
    if (text.find(':') != std::string::npos) return {term, change_of(text.substr(dot + 1))};
    if (dot == std::string::npos) return {term, Noop{}};
    const bool is_reference = text.ends_with("!");
    const std::uint64_t sequence = number_of(text.substr(dot + 1, text.size() - dot - (is_reference ? 2 : 1)));
    const Average average = test::average(term.value, sequence, {1, 2});
    if (is_reference) return {term, Reference{average}};
    return {term, Balance{average}};
}

std::string text_of(const Record& record) {
    std::string text = std::to_string(record.term.value);
    if (const Members* change = record.members())
        return text + "." + change_name(change->change) + ":" + letter_of(change->member);
    if (const Slack* slack = record.slack()) return text + ".slack" + std::to_string(slack->round.sequence);
    if (const Average* average = record.average())
        text += "." + std::to_string(average->round.sequence) + (record.is_reference() ? "!" : "");
    return text;
}

std::string text_of(const std::vector<Record>& records) {
    std::string text;
    for (const Record& record : records)
        text += (text.empty() ? "" : " ") + text_of(record);
    return text;
}

std::string text_of(const Message& message) {
    std::string text = message_name(message);
    const auto add = [&text](const char* field, std::uint64_t value) {
        text += std::string(" ") + field + " " + std::to_string(value);
    };
    std::visit(
        [&](const auto& m) {
            if constexpr (requires { m.term; }) add("term", m.term.value);
            if constexpr (requires { m.last_index; }) add("last", m.last_index.value);
            if constexpr (requires { m.previous_index; }) add("after", m.previous_index.value);
            if constexpr (requires { m.history; }) add("base", m.history.index.value);
            if constexpr (requires { m.commit; }) add("commit", m.commit.value);
            if constexpr (requires { m.match; }) add("match", m.match.value);
            if constexpr (requires { m.round.sequence; }) add("round", m.round.sequence);
            if constexpr (requires { m.granted; }) text += m.granted ? " granted" : " refused";
            if constexpr (requires { m.accepted; }) text += m.accepted ? " accepted" : " refused";
            if constexpr (requires { m.is_transfer; }) text += m.is_transfer ? " transfer" : "";
            if constexpr (requires { m.records; }) text += " [" + text_of(m.records) + "]";
        },
        message);
    return text;
}

}  // namespace parley::schedules
