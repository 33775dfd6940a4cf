// parleyd: one peer, until it is told to stop. Exit codes: daemon/exit_codes.hpp.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "daemon/config.hpp"
#include "daemon/control_api.hpp"
#include "daemon/driver.hpp"
#include "daemon/recovery.hpp"

namespace {

using namespace parley;
using namespace parley::daemon;

int complain(ExitCode code, const std::string& message) {
    std::fprintf(stderr, "parleyd: %s\n", message.c_str());
    return code;
}

void stop_on_signals(boost::asio::signal_set& signals, Driver& driver) {
    signals.async_wait([&](boost::system::error_code error, int number) {
        if (error) return;
        driver.stop(number == SIGTERM ? "SIGTERM" : "SIGINT");
        stop_on_signals(signals, driver);  // the second one does not wait for a checkpoint
    });
}

// Every round takes and returns blocks of the model's size. By default glibc gives such blocks back to the system, which
// then fills fresh pages with zeros for the next round: more work than the copies themselves.
void keep_freed_memory() {
    static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 32 << 20));  // the largest that is allowed
    static_cast<void>(::mallopt(M_TRIM_THRESHOLD, 256 << 20));
}

ExitReason work(boost::asio::io_context& io, Driver& driver) {
    try {
        driver.start();
        io.run();
        return driver.exit_reason();
    } catch (const std::exception& error) {  // memory exhausted, or a bug: say so and end
        return {exit_internal, std::string("internal error: ") + error.what()};
    }
}

int run(const Config& config) {
    const Logger logger = make_logger("parleyd", log_level_name(config.peer.log_level));
    auto recovered = recover(config);
    if (!recovered) return complain(recovered.error().code, recovered.error().message);
    for (const std::string& note : recovered->notes)
        logger->warn("recovery note={}", log_value(note));

    boost::asio::io_context io(1);
    auto driver = Driver::create(io, config, std::move(*recovered), logger);
    if (!driver) return complain(driver.error().code, driver.error().message);
    auto control = ControlServer::create(io, config.peer.control_socket, make_control_api(**driver));
    if (!control) return complain(exit_network, control.error().message);
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    stop_on_signals(signals, **driver);
    const ExitReason reason = work(io, **driver);
    if (reason.code != exit_ok) complain(reason.code, reason.message);
    logger->flush();
    control->reset();  // removes the socket's file
    // No destructors: they join threads, and one of these may wait for ever for a disk or a name server.
    // What must last is on the disk already.
    std::_Exit(reason.code);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("parleyd: a peer of a group that trains one neural network by gossip");
    std::filesystem::path file;
    app.add_option("--config", file, "the peer's config; 'parley init' writes one")->required();
    app.set_version_flag("--version", "parleyd " PARLEY_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_ok : exit_usage;
    }
    std::signal(SIGPIPE, SIG_IGN);
    keep_freed_memory();
    const auto config = load_config(file);
    if (!config) return complain(exit_usage, config.error().message);
    try {
        return run(*config);
    } catch (const std::exception& error) {  // memory exhausted, or a bug: say so and end
        return complain(exit_internal, std::string("internal error: ") + error.what());
    }
}
