// etcd_scripts write COUNT FILE      scripts 1 .. COUNT, each after a line "script N"
// etcd_scripts run FILE              what Parley's Raft makes of them
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include "tests/protocol/etcd/script.hpp"

namespace {

int write(std::uint64_t count, const std::string& file) {
    std::ofstream out(file);
    for (std::uint64_t number = 1; number <= count; ++number)
        out << "script " << number << "\n" << parley::etcd::write_script(number);
    return out.good() ? 0 : 1;
}

int run(const std::string& file) {
    std::ifstream in(file);
    std::string script;
    const auto finish = [&script] { std::cout << parley::etcd::run_script(std::exchange(script, {})); };
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("script ")) {
            script += line + "\n";
            continue;
        }
        finish();
        std::cout << line << "\n";
    }
    finish();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "write" && argc == 4) return write(std::stoull(argv[2]), argv[3]);
    if (verb == "run" && argc == 3) return run(argv[2]);
    std::cerr << "usage: etcd_scripts write COUNT FILE | run FILE\n";
    return 2;
}
