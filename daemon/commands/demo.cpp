#include "daemon/demo/demo.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "daemon/averaging_choices.hpp"
#include "daemon/commands/commands.hpp"

namespace parley::daemon {
namespace {

// CLI11's ranges compare, and no comparison refuses NaN.
std::string refuse_nan(const std::string& text) {
    return std::isnan(std::strtod(text.c_str(), nullptr)) ? text + " is not a number" : std::string();
}

// One of these words.
template <class Choice, std::size_t count>
void add_choice(CLI::App& command, const std::string& name, Choice& chosen, const std::string& description,
                const std::array<std::pair<std::string_view, Choice>, count>& choices) {
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices)
        words.emplace_back(word);
    const auto choose = [&chosen, &choices](const std::string& word) {
        chosen = std::ranges::find(choices, word, &std::pair<std::string_view, Choice>::first)->second;
    };
    command.add_option_function<std::string>(name, choose, description)->check(CLI::IsMember(words));
}

}  // namespace

void add_demo(CLI::App& app, CommandResult& result) {
    auto options = std::make_shared<DemoOptions>();
    auto threshold = std::make_shared<double>(0);
    CLI::App* command = app.add_subcommand("demo", "a whole group on this machine, with a live view");
    command->add_option("--peers", options->peers)->check(CLI::Range(2, 64))->capture_default_str();
    command->add_option("--seconds", options->seconds)
        ->check(CLI::Range(1.0, 86'400.0))
        ->check(refuse_nan)
        ->capture_default_str();
    command->add_option("--data", options->data, "a directory with MNIST's IDX files; default: a generator");
    command->add_option("--keep", options->keep, "a new directory for the group, kept at the end");
    CLI::Option* given = command->add_option("--threshold", *threshold, "of the squared distance, Delta")
                             ->check(CLI::PositiveNumber)
                             ->check(refuse_nan);
    add_choice(*command, "--augmentation", options->augmentation, "what happens at a violation; default: random", augmentation_choices);
    add_choice(*command, "--encoding", options->encoding, "of models on their way; default: f32", encoding_choices);
    command->add_flag("--json", options->json, "the summary as one JSON object; progress goes to stderr");
    command->callback([options, threshold, given, &result] {
        if (given->count() > 0) options->threshold = *threshold;
        result.exit_code = run_demo(*options);
    });
}

}  // namespace parley::daemon
