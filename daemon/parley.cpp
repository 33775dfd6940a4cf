// parley: makes peers, looks at them, and shows a whole group on one machine. Exit codes:
// daemon/exit_codes.hpp.
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>

#include "daemon/commands/commands.hpp"

int main(int argc, char** argv) {
    using namespace parley::daemon;
    CLI::App app("parley: train one neural network on many hosts, by gossip");
    app.set_version_flag("--version", "parley " PARLEY_VERSION);
    app.require_subcommand(1);
    CommandResult result;
    add_init(app, result);
    add_status(app, result);
    add_peers(app, result);
    add_explain(app, result);
    add_evaluate(app, result);
    add_predict(app, result);
    add_export(app, result);
    add_import(app, result);
    add_config(app, result);
    add_feed(app, result);
    add_members(app, result);
    add_demo(app, result);
    std::signal(SIGPIPE, SIG_IGN);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_ok : exit_usage;
    } catch (const std::exception& error) {
        return complain(exit_internal, std::string("internal error: ") + error.what());
    }
    return result.exit_code;
}
