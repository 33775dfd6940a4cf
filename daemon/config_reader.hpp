// Typed reading of a TOML table that collects every complaint instead of stopping at the first. Internal to
// config.cpp.
//
// A key is asked for by its full name ("peer.name"). What was never asked for is unknown.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/types.hpp"

namespace parley::daemon {

using TextRule = Result<void> (*)(std::string_view);

class ConfigReader {
public:
    ConfigReader(const toml::table& root, std::string file) : root_(root), file_(std::move(file)) {}

    // Each leaves the value alone if the key is absent or wrong.
    void text(std::string_view key, std::string& value, TextRule rule);
    void texts(std::string_view key, std::vector<std::string>& values, std::size_t count_max, TextRule rule);
    void path(std::string_view key, std::filesystem::path& value, const std::filesystem::path& base);
    std::int64_t integer(std::string_view key, std::int64_t value, std::int64_t min, std::int64_t max);
    std::vector<std::int64_t> integers(std::string_view key, std::vector<std::int64_t> values,
                                       std::size_t count_max, std::int64_t min, std::int64_t max);
    // `above`: min itself is not allowed; `below`: max itself is not.
    struct Range {
        double min;
        double max;
        bool above = false;
        bool below = false;
    };
    void real(std::string_view key, double& value, const Range& range);
    template <class Choice>
    void choice(std::string_view key, Choice& value,
                std::span<const std::pair<std::string_view, Choice>> choices) {
        std::vector<std::string_view> names;
        for (const auto& [name, meaning] : choices)
            names.push_back(name);
        const std::size_t chosen = choose(key, names);
        if (chosen < choices.size()) value = choices[chosen].second;
    }

    // How many tables there are under [[key]]; 0 if it is absent or something else. Entry i's keys are asked for as
    // "key[i].name".
    std::size_t tables(std::string_view key, std::size_t count_max);
    void boolean(std::string_view key, bool& value);

    bool has(std::string_view key) const { return find(key) != nullptr; }
    // A complaint about a key that is there, or (as one about the whole file) about one that is not.
    void complain(std::string_view key, const std::string& what);
    void require(std::string_view key, const std::string& what);

    // Complains about all that is unknown; gives every complaint, in the order of lines.
    std::vector<std::string> finish();

private:
    const toml::node* find(std::string_view key) const;
    const toml::node* ask(std::string_view key);
    std::size_t choose(std::string_view key, const std::vector<std::string_view>& names);
    const toml::array* array(std::string_view key, const char* of_what, std::size_t count_max);
    bool take_text(const toml::node& node, std::string_view key, TextRule rule, std::string& value);
    bool take_integer(const toml::node& node, std::string_view key, std::int64_t min, std::int64_t max,
                      std::int64_t& value);
    void complain_at(const toml::node& node, std::string_view key, const std::string& what);
    void finish_table(const std::string& prefix, const toml::table& table);
    void refuse_unknown(std::string_view key, const toml::node& node, const toml::source_position& where,
                        bool is_section);

    const toml::table& root_;
    std::string file_;
    std::vector<std::string> known_;
    std::vector<std::pair<toml::source_index, std::string>> complaints_;
};

}  // namespace parley::daemon
