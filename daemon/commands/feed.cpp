#include "daemon/feed.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "daemon/commands/commands.hpp"
#include "daemon/control_client.hpp"
#include "learner/csv.hpp"

namespace parley::daemon {
namespace {

constexpr std::size_t part_bytes_max = 512 * 1024;
// The peer trains; how long it takes to make room is its affair, so it is asked now and then.
constexpr std::chrono::milliseconds retry_interval{100};

struct FeedOptions {
    PeerChoice peer;
    std::string file = "-";
    bool as_json = false;
};

struct Totals {
    std::uint64_t lines = 0, accepted = 0, skipped = 0;
    std::string latest_skipped;
};

class Feeder {
public:
    Feeder(std::filesystem::path socket, std::string name) : socket_(std::move(socket)), name_(std::move(name)) {}

    // Every line of the input; a first line without a number is a header and left out.
    Result<void> run(std::istream& in) {
        std::string line;
        while (std::getline(in, line)) {
            if (line.size() > learner::csv_line_bytes_max)
                return failure(name_ + ':' + std::to_string(totals_.lines + 1) + ": a line longer than 1 MiB");
            if (++totals_.lines == 1 && learner::is_csv_header(line)) continue;
            if (part_.empty()) part_begin_ = totals_.lines;
            part_ += line + '\n';
            if (part_.size() < part_bytes_max) continue;
            if (const auto sent = send(); !sent) return sent;
        }
        if (in.bad()) return failure(name_ + ": cannot be read to its end");
        return send();
    }

    const Totals& totals() const { return totals_; }

private:
    Result<void> send() {
        if (part_.empty()) return {};
        for (;;) {
            const auto answer = ask(socket_, "POST", "/feed", std::chrono::seconds(30), part_);
            if (!answer) return std::unexpected(answer.error());
            if (answer->status == 200) return count(answer->body);
            if (answer->status != 503)
                return failure(name_ + ", lines from " + std::to_string(part_begin_) + " on: " + reason_in(*answer));
            std::this_thread::sleep_for(retry_interval);
        }
    }

    Result<void> count(const std::string& body) {
        const auto figures = nlohmann::json::parse(body, nullptr, false);
        if (!figures.is_object()) return failure("parleyd's answer is not JSON");
        totals_.accepted += figures.value("accepted", std::uint64_t{0});
        totals_.skipped += figures.value("skipped", std::uint64_t{0});
        const std::string latest = figures.value("latest_skipped", std::string());
        // The peer counts from the first line of the part.
        if (!latest.empty())
            totals_.latest_skipped = name_ + ", from line " + std::to_string(part_begin_) + " on, " + latest;
        if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r{} rows fed", totals_.accepted);
        part_.clear();
        return {};
    }

    std::filesystem::path socket_;
    std::string name_;
    std::string part_;
    std::uint64_t part_begin_ = 0;
    Totals totals_;
};

int run(const FeedOptions& options) {
    const auto socket = options.peer.find_socket();
    if (!socket) return complain(exit_usage, socket.error().message);
    std::ifstream file;
    const bool is_input = options.file == "-";
    if (!is_input) {
        file.open(options.file, std::ios::binary);
        if (!file) return complain(exit_usage, options.file + ": cannot be read; check the path and its permissions");
    }
    Feeder feeder(*socket, is_input ? "standard input" : options.file);
    const auto done = feeder.run(is_input ? std::cin : file);
    const Totals& totals = feeder.totals();
    if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r");
    if (options.as_json) {
        fmt::print("{}\n", nlohmann::json{{"accepted", totals.accepted},
                                          {"skipped", totals.skipped},
                                          {"latest_skipped", totals.latest_skipped}}
                               .dump());
    } else {
        fmt::print("{} rows fed, {} malformed ones left out\n", totals.accepted, totals.skipped);
        if (totals.skipped > 0) fmt::print("the latest: {}\n", totals.latest_skipped);
    }
    if (!done) return complain(exit_failure, done.error().message);
    return exit_ok;
}

}  // namespace

void add_feed(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<FeedOptions>();
    CLI::App* command = app.add_subcommand("feed", "hand examples to a running peer whose data.source is \"push\"");
    command->add_option("FILE", options->file, "rows of CSV, features then target; - for standard input")
        ->capture_default_str();
    options->peer.add_options(*command);
    command->add_flag("--json", options->as_json, "the result as one JSON object");
    command->callback([options, &result] { result.exit_code = run(*options); });
}

}  // namespace parley::daemon
