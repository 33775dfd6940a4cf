#include "daemon/config_reader.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace parley::daemon {

namespace {

constexpr std::size_t shown_bytes_max = 60;

std::string shown(const toml::node& node) {
    std::ostringstream text;
    node.visit([&text](const auto& value) { text << value; });
    std::string result = std::move(text).str();
    std::replace(result.begin(), result.end(), '\n', ' ');
    if (result.size() > shown_bytes_max) result = result.substr(0, shown_bytes_max) + "...";
    return result;
}

std::string number_text(double number) {
    std::ostringstream text;
    text << number;
    return std::move(text).str();
}

// Levenshtein's distance: insertions, deletions and substitutions of one character.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row[b.size()];
}

std::string_view name_of(std::string_view key) {
    const std::size_t dot = key.find('.');
    return dot == std::string_view::npos ? key : key.substr(dot + 1);
}
std::string_view section_of(std::string_view key) {
    return key.substr(0, key.find('.'));
}

std::string list(const std::vector<std::string_view>& names) {
    std::string text;
    for (const std::string_view name : names)
        text += (text.empty() ? "" : ", ") + ('"' + std::string(name) + '"');
    return text;
}

}  // namespace

const toml::node* ConfigReader::find(std::string_view key) const {
    return root_.at_path(key).node();
}

const toml::node* ConfigReader::ask(std::string_view key) {
    known_.emplace_back(key);
    return find(key);
}

void ConfigReader::complain_at(const toml::node& node, std::string_view key, const std::string& what) {
    const auto line = node.source().begin.line;
    complaints_.emplace_back(line, file_ + ':' + std::to_string(line) + ": " + std::string(key) + " = " +
                                       shown(node) + ": " + what);
}

void ConfigReader::complain(std::string_view key, const std::string& what) {
    if (const toml::node* node = find(key))
        complain_at(*node, key, what);
    else
        complaints_.emplace_back(0, file_ + ": " + std::string(key) + ": " + what);
}

void ConfigReader::require(std::string_view key, const std::string& what) {
    if (has(key)) return;
    complain(key, "is missing; " + what);
}

bool ConfigReader::take_text(const toml::node& node, std::string_view key, TextRule rule,
                             std::string& value) {
    const auto text = node.value_exact<std::string>();
    if (!text) {
        complain_at(node, key, "must be text in quotes");
        return false;
    }
    if (auto checked = rule(*text); !checked) {
        complain_at(node, key, checked.error().message);
        return false;
    }
    value = *text;
    return true;
}

void ConfigReader::text(std::string_view key, std::string& value, TextRule rule) {
    if (const toml::node* node = ask(key)) take_text(*node, key, rule, value);
}

const toml::array* ConfigReader::array(std::string_view key, const char* of_what, std::size_t count_max) {
    const toml::node* node = ask(key);
    if (!node) return nullptr;
    const toml::array* values = node->as_array();
    if (!values) {
        complain_at(*node, key, "must be a list of " + std::string(of_what) + " in square brackets");
        return nullptr;
    }
    if (values->size() > count_max) {
        complain_at(*node, key,
                    "has " + std::to_string(values->size()) + " entries; at most " +
                        std::to_string(count_max) + " are allowed");
        return nullptr;
    }
    return values;
}

void ConfigReader::texts(std::string_view key, std::vector<std::string>& values, std::size_t count_max,
                         TextRule rule) {
    const toml::array* entries = array(key, "texts", count_max);
    if (!entries) return;
    std::vector<std::string> taken;
    for (const toml::node& entry : *entries) {
        std::string value;
        if (!take_text(entry, key, rule, value)) continue;
        if (std::find(taken.begin(), taken.end(), value) != taken.end())
            complain_at(entry, key, "is listed twice; remove one");
        taken.push_back(std::move(value));
    }
    values = std::move(taken);
}

void ConfigReader::path(std::string_view key, std::filesystem::path& value,
                        const std::filesystem::path& base) {
    std::string text;
    this->text(key, text, [](std::string_view given) -> Result<void> {
        if (given.empty())
            return failure("must not be empty; give a path, or remove the key for its default");
        if (given.find('\0') != std::string_view::npos) return failure("must not hold a NUL character");
        return {};
    });
    if (!text.empty()) value = (base / text).lexically_normal();
}

bool ConfigReader::take_integer(const toml::node& node, std::string_view key, std::int64_t min,
                                std::int64_t max, std::int64_t& value) {
    const auto number = node.value_exact<std::int64_t>();
    const std::string allowed = "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
    if (!number || *number < min || *number > max) {
        complain_at(node, key, "must be " + allowed);
        return false;
    }
    value = *number;
    return true;
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t value, std::int64_t min,
                                   std::int64_t max) {
    if (const toml::node* node = ask(key)) take_integer(*node, key, min, max, value);
    return value;
}

std::vector<std::int64_t> ConfigReader::integers(std::string_view key, std::vector<std::int64_t> values,
                                                 std::size_t count_max, std::int64_t min, std::int64_t max) {
    const toml::array* entries = array(key, "numbers", count_max);
    if (!entries) return values;
    std::vector<std::int64_t> taken;
    for (const toml::node& entry : *entries) {
        std::int64_t value = 0;
        if (take_integer(entry, key, min, max, value)) taken.push_back(value);
    }
    return taken;
}

void ConfigReader::real(std::string_view key, double& value, const Range& range) {
    const toml::node* node = ask(key);
    if (!node) return;
    const bool is_number = node->is_number();
    const double number = is_number ? *node->value<double>() : 0;
    const bool fits = std::isfinite(number) && (range.above ? number > range.min : number >= range.min) &&
                      (range.below ? number < range.max : number <= range.max);
    if (is_number && fits) {
        value = number;
        return;
    }
    complain_at(*node, key,
                "must be a number " + std::string(range.above ? "above " : "from ") + number_text(range.min) +
                    (range.below ? " and below " : " to ") + number_text(range.max));
}

void ConfigReader::boolean(std::string_view key, bool& value) {
    const toml::node* node = ask(key);
    if (!node) return;
    if (const auto given = node->value_exact<bool>())
        value = *given;
    else
        complain_at(*node, key, "must be true or false");
}

std::size_t ConfigReader::tables(std::string_view key, std::size_t count_max) {
    const toml::array* entries = array(key, "tables", count_max);
    if (!entries) return 0;
    for (const toml::node& entry : *entries) {
        if (entry.is_table()) continue;
        complain_at(entry, key, "must be a table: write [[" + std::string(key) + "]] on a line and its keys below");
        return 0;
    }
    return entries->size();
}

std::size_t ConfigReader::choose(std::string_view key, const std::vector<std::string_view>& names) {
    const toml::node* node = ask(key);
    if (!node) return names.size();
    const auto text = node->value_exact<std::string>();
    const auto found = text ? std::find(names.begin(), names.end(), *text) : names.end();
    if (found == names.end()) complain_at(*node, key, "must be one of " + list(names));
    return static_cast<std::size_t>(found - names.begin());
}

void ConfigReader::refuse_unknown(std::string_view key, const toml::node& node,
                                  const toml::source_position& where, bool is_section) {
    std::string hint;
    std::size_t best = is_section ? 3 : std::max<std::size_t>(2, name_of(key).size() / 3) + 1;
    for (const std::string& known : known_) {
        const std::string candidate = is_section ? std::string(section_of(known)) : known;
        const bool same_section = is_section || section_of(known) == section_of(key);
        // In another section only the very name counts.
        const std::size_t distance = edit_distance(name_of(candidate), name_of(key)) + (same_section ? 0 : 2);
        if (distance < best && (same_section || distance == 2)) {
            best = distance;
            hint = is_section ? '[' + candidate + ']' : candidate;
        }
    }
    std::string text = file_ + ':' + std::to_string(where.line) + ": ";
    text += is_section && node.is_table() ? '[' + std::string(key) + "]: unknown section"
                                          : std::string(key) + ": unknown key";
    text += hint.empty() ? "; see configs/parley.toml for all of them, or remove it"
                         : "; did you mean " + hint + '?';
    complaints_.emplace_back(where.line, std::move(text));
}

void ConfigReader::finish_table(const std::string& prefix, const toml::table& table) {
    for (const auto& [key, node] : table) {
        const std::string name = prefix + '.' + std::string(key.str());
        if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
            refuse_unknown(name, node, key.source().begin, false);
        } else if (const toml::array* entries = node.as_array()) {
            for (std::size_t i = 0; i < entries->size(); ++i)
                if (const toml::table* entry = entries->get_as<toml::table>(i))
                    finish_table(name + '[' + std::to_string(i) + ']', *entry);
        }
    }
}

std::vector<std::string> ConfigReader::finish() {
    for (const auto& [section_key, section] : root_) {
        const std::string section_name(section_key.str());
        const bool known_section = std::any_of(known_.begin(), known_.end(), [&](const std::string& known) {
            return section_of(known) == section_name;
        });
        const toml::table* table = section.as_table();
        if (!known_section)
            refuse_unknown(section_name, section, section_key.source().begin, true);
        else if (!table)
            complain_at(section, section_name, "must be a section: write [" + section_name + "] on a line");
        if (!known_section || !table) continue;
        finish_table(section_name, *table);
    }
    std::stable_sort(complaints_.begin(), complaints_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> lines;
    for (auto& [line, text] : complaints_)
        lines.push_back(std::move(text));
    return lines;
}

}  // namespace parley::daemon
