#include "net/noise/pattern.hpp"

#include <algorithm>
#include <array>

namespace parley::net::noise {

namespace {

using enum Token;

const std::array<Pattern, 4>& base_patterns() {
    static const std::array<Pattern, 4> patterns{{
        {"NN", false, false, {{e}, {e, ee}}, 0},
        {"KK", true, true, {{e, es, ss}, {e, ee, se}}, 0},
        {"XX", false, false, {{e}, {e, ee, s, es}, {s, se}}, 0},
        {"IK", false, true, {{e, es, s, ss}, {e, ee, se}}, 0},
    }};
    return patterns;
}

bool sends_static(const Pattern& pattern, std::size_t first_line) {
    for (std::size_t line = first_line; line < pattern.lines.size(); line += 2) {
        if (std::ranges::find(pattern.lines[line], s) != pattern.lines[line].end()) return true;
    }
    return false;
}

// "psk0": before the first line's tokens; "pskN": after line N's.
bool add_psk(Pattern& pattern, std::string_view modifier) {
    if (modifier.size() != 4 || !modifier.starts_with("psk") || modifier[3] < '0' || modifier[3] > '9')
        return false;
    const auto place = static_cast<std::size_t>(modifier[3] - '0');
    if (place > pattern.lines.size()) return false;
    if (place == 0) {
        pattern.lines[0].insert(pattern.lines[0].begin(), psk);
    } else {
        pattern.lines[place - 1].push_back(psk);
    }
    ++pattern.psks;
    return true;
}

std::optional<Pattern> parse_pattern(std::string_view name) {
    const auto base =
        std::ranges::find_if(base_patterns(), [&](const Pattern& p) { return name.starts_with(p.name); });
    if (base == base_patterns().end()) return std::nullopt;
    Pattern pattern = *base;
    std::string_view modifiers = name.substr(base->name.size());
    while (!modifiers.empty()) {
        const std::string_view modifier = modifiers.substr(0, modifiers.find('+'));
        if (!add_psk(pattern, modifier)) return std::nullopt;
        modifiers.remove_prefix(std::min(modifier.size() + 1, modifiers.size()));
    }
    pattern.name = name;
    return pattern;
}

}  // namespace

bool Pattern::initiator_has_static() const {
    return initiator_static_known || sends_static(*this, 0);
}
bool Pattern::responder_has_static() const {
    return responder_static_known || sends_static(*this, 1);
}

std::optional<Protocol> parse_protocol(std::string_view name) {
    constexpr std::string_view prefix = "Noise_";
    constexpr std::array<std::pair<std::string_view, HashKind>, 2> suffixes{
        {{"_25519_ChaChaPoly_SHA256", HashKind::sha256}, {"_25519_ChaChaPoly_BLAKE2b", HashKind::blake2b}}};
    if (!name.starts_with(prefix)) return std::nullopt;
    for (const auto& [suffix, kind] : suffixes) {
        if (!name.ends_with(suffix) || name.size() < prefix.size() + suffix.size()) continue;
        auto pattern = parse_pattern(name.substr(prefix.size(), name.size() - prefix.size() - suffix.size()));
        if (!pattern) return std::nullopt;
        return Protocol{std::string(name), std::move(*pattern), kind};
    }
    return std::nullopt;
}

}  // namespace parley::net::noise
