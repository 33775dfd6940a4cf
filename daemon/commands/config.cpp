#include "daemon/config.hpp"

#include <cstdio>
#include <memory>

#include "daemon/commands/commands.hpp"

namespace parley::daemon {

void add_config(CLI::App& app, CommandResult& result) {
    CLI::App* command = app.add_subcommand("config", "check a config, or show what is in force");
    command->require_subcommand(1);
    auto file = std::make_shared<std::string>();

    CLI::App* check = command->add_subcommand("check", "report every error with its line");
    check->add_option("FILE", *file)->required();
    check->callback([file, &result] {
        const auto config = load_config(*file);
        if (config) {
            std::printf("%s: good\n", file->c_str());
        } else {
            result.exit_code = complain(exit_usage, config.error().message);
        }
    });

    CLI::App* show = command->add_subcommand("show", "all settings, defaults included");
    show->add_option("FILE", *file)->required();
    show->callback([file, &result] {
        const auto config = load_config(*file);
        if (config) {
            std::printf("%s", to_toml(*config).c_str());
        } else {
            result.exit_code = complain(exit_usage, config.error().message);
        }
    });
}

}  // namespace parley::daemon
