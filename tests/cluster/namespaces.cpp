#include "tests/cluster/namespaces.hpp"

#include <unistd.h>

#include <cstdlib>

#include "tests/daemon/temporary_directory.hpp"

namespace parley::cluster {
namespace {

constexpr std::chrono::seconds program_time_max{60};

std::string address(std::size_t peer) {
    return "10.77.0." + std::to_string(peer + 1) + ":7700";
}

}  // namespace

Ended run_program(const std::string& program, const std::vector<std::string>& arguments) {
    const test::TemporaryDirectory directory;
    const auto output = directory / "output";
    auto process = daemon::ChildProcess::spawn(program, arguments, output);
    if (!process) throw TrialError(process.error().message);
    if (!process->wait_until(std::chrono::steady_clock::now() + program_time_max))
        throw TrialError(program + " does not end");
    return {process->exit_code().value_or(-1), test::read_text(output)};
}

std::string Namespaces::obstacle() {
    std::string output = run_program(PARLEY_NAMESPACES, {"check"}).output;
    while (!output.empty() && output.back() == '\n')
        output.pop_back();
    return output;
}

Namespaces::Namespaces(std::size_t peers, const std::filesystem::path& parleyd) : peers_(peers) {
    ::setenv("PARLEY_TRIAL", ("parley-trial-" + std::to_string(::getpid())).c_str(), 1);
    ::setenv("PARLEY_TRIAL_PARLEYD", std::filesystem::absolute(parleyd).c_str(), 1);
    try {
        call({"up", std::to_string(peers)});
    } catch (...) {
        run_program(PARLEY_NAMESPACES, {"down"});
        throw;
    }
}

Namespaces::~Namespaces() {
    try {
        call({"down"});
    } catch (const TrialError&) {
        // What is left has the prefix parley-trial in `ip netns list`.
    }
}

void Namespaces::adjust(ClusterOptions& options) const {
    options.peers = peers_;
    options.parleyd = PARLEY_NAMESPACES;
    options.adjust = [peers = peers_](std::size_t number, daemon::Config& config) {
        config.peer.listen = address(number);
        config.cluster.seeds.clear();
        for (std::size_t other = 0; other < peers; ++other)
            if (other != number) config.cluster.seeds.push_back(address(other));
    };
}

void Namespaces::drop(std::size_t at, std::size_t from, const std::string& protocol) {
    call({"drop", std::to_string(at + 1), std::to_string(from + 1), protocol});
}

void Namespaces::drop_from_all(std::size_t at, const std::string& protocol) {
    call({"drop", std::to_string(at + 1), "any", protocol});
}

void Namespaces::call(const std::vector<std::string>& arguments) {
    const Ended ended = run_program(PARLEY_NAMESPACES, arguments);
    if (ended.code != 0) throw TrialError("namespaces.sh " + arguments.front() + ": " + ended.output);
}

}  // namespace parley::cluster
