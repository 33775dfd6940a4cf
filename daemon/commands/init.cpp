#include "daemon/init.hpp"

#include <cstdio>
#include <memory>

#include "daemon/commands/commands.hpp"

namespace parley::daemon {

void add_init(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<InitOptions>();
    options->directory = ".";
    auto secret = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand("init", "make a new peer: identity, secret and a config");
    command->add_option("--cluster", options->cluster, "the cluster's name")->required();
    command->add_option("--directory", options->directory, "for the identity and all state")
        ->capture_default_str();
    command->add_option("--config-directory", options->config_directory,
                        "for parley.toml and the secret; default: as --directory");
    command->add_option("--name", options->name, "of this peer; default: the host's name");
    command->add_option("--listen", options->listen, "numeric address:port")->capture_default_str();
    command->add_option("--advertise", options->advertise, "where others reach this peer, host:port");
    command->add_option("--seed", options->seeds, "host:port of another peer; may be repeated");
    command->add_option("--voter", options->voters, "id of another peer; may be repeated");
    command->add_option("--secret,--secret-file", *secret, "the cluster's secret; default: a new one");
    command->callback([options, secret, &result] {
        if (!secret->empty()) options->secret_file = *secret;
        const auto report = initialise(*options);
        if (!report) {
            result.exit_code = complain(exit_usage, report.error().message);
            return;
        }
        std::printf("%s", report->text.c_str());
        if (report->text.empty() || report->text.back() != '\n') std::printf("\n");
    });
}

}  // namespace parley::daemon
