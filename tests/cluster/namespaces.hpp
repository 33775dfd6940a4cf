// A network for a group: each peer in a namespace of its own (namespaces.sh), removed with this object.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cluster/cluster.hpp"

namespace parley::cluster {

// A program to its end.
struct Ended {
    int code = -1;
    std::string output;  // both streams
};
Ended run_program(const std::string& program, const std::vector<std::string>& arguments);

class Namespaces {
public:
    // Why there can be none here; empty: there can.
    static std::string obstacle();

    Namespaces(std::size_t peers, const std::filesystem::path& parleyd);
    ~Namespaces();
    Namespaces(const Namespaces&) = delete;
    Namespaces& operator=(const Namespaces&) = delete;

    // Puts the peers of a group that is started with these options into this network.
    void adjust(ClusterOptions& options) const;
    void split() { call({"split", std::to_string(peers_)}); }
    void heal() { call({"heal", std::to_string(peers_)}); }
    // What `from` sends is lost at `at`; peers count from 0.
    void drop(std::size_t at, std::size_t from, const std::string& protocol);
    void drop_from_all(std::size_t at, const std::string& protocol);
    void pass(std::size_t at) { call({"pass", std::to_string(at + 1)}); }

private:
    static void call(const std::vector<std::string>& arguments);
    std::size_t peers_;
};

}  // namespace parley::cluster
