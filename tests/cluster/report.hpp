// What a scenario found: rows of figures, and the claims that did not hold.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace parley::cluster {

using Row = nlohmann::ordered_json;  // an object; its keys, the same in every row, are the columns

struct Report {
    std::string title;
    std::vector<Row> rows;
    std::vector<std::string> failures;  // claims that did not hold
    std::string skipped;                // why nothing was tried

    // `holds`, or the claim is among the failures.
    void claim(bool holds, const std::string& text) {
        if (!holds) failures.push_back(text);
    }
};

enum class Format { text, json_object, markdown };
void print(const Report& report, Format format);

}  // namespace parley::cluster
