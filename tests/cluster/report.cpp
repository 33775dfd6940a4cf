#include "tests/cluster/report.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace parley::cluster {
namespace {

std::string cell(const nlohmann::ordered_json& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (!value.is_number_float()) return value.dump();
    const double number = value.get<double>();
    return number == number ? fmt::format("{:.1f}", number) : "-";  // NaN: there is no such time
}

void print_lines(const Report& report, const char* between, bool has_rule) {
    std::vector<std::vector<std::string>> lines;
    if (!report.rows.empty()) {
        lines.emplace_back();
        for (const auto& [name, value] : report.rows.front().items())
            lines.back().push_back(name);
    }
    for (const Row& row : report.rows) {
        lines.emplace_back();
        for (const auto& [name, value] : row.items())
            lines.back().push_back(cell(value));
    }
    std::vector<std::size_t> widths;
    for (const auto& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (i == widths.size()) widths.push_back(3);
            widths[i] = std::max(widths[i], line[i].size());
        }
    const auto print_line = [&](const std::vector<std::string>& line) {
        for (std::size_t i = 0; i < line.size(); ++i)
            fmt::print("{}{:>{}}", i > 0 ? between : has_rule ? "| " : "", line[i], widths[i]);
        fmt::print("{}\n", has_rule ? " |" : "");
    };
    for (std::size_t i = 0; i < lines.size(); ++i) {
        print_line(lines[i]);
        if (i > 0 || !has_rule) continue;
        std::vector<std::string> rule;
        for (const std::size_t width : widths)
            rule.push_back(std::string(width - 1, '-') + ":");
        print_line(rule);
    }
}

}  // namespace

void print(const Report& report, Format format) {
    if (format == Format::json_object) {
        const Row all{{"scenario", report.title},
                      {"skipped", report.skipped},
                      {"rows", report.rows},
                      {"failures", report.failures}};
        fmt::print("{}\n", all.dump(2));
        return;
    }
    const bool is_markdown = format == Format::markdown;
    fmt::print("{}{}\n\n", is_markdown ? "### " : "", report.title);
    print_lines(report, is_markdown ? " | " : "  ", is_markdown);
    for (const std::string& failure : report.failures)
        fmt::print("{}DOES NOT HOLD: {}\n", is_markdown ? "\n" : "", failure);
    if (!report.skipped.empty()) fmt::print("SKIPPED: {}\n", report.skipped);
    fmt::print("\n");
}

}  // namespace parley::cluster
