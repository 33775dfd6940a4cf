// Prints ||a - b|| / ||a|| of two files of floats; fails above the limit. usage: learner_variants_compare A B LIMIT
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<float> read(const char* path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) return 2;
    const std::vector<float> a = read(arguments[1]), b = read(arguments[2]);
    if (a.empty() || a.size() != b.size()) {
        std::fprintf(stderr, "%s has %zu values, %s %zu\n", arguments[1], a.size(), arguments[2], b.size());
        return 1;
    }
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
        size += std::pow(static_cast<double>(a[i]), 2);
    }
    const double relative = std::sqrt(difference / size);
    std::printf("%.2e\n", relative);
    return relative <= std::strtod(arguments[3], nullptr) ? 0 : 1;  // a NaN fails
}
