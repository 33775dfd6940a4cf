// The sections [model], [data] and [training]: reading, and writing them again. Internal to config.
#pragma once

#include <filesystem>
#include <ostream>

#include "daemon/config.hpp"
#include "daemon/config_reader.hpp"

namespace parley::daemon {

void read_model(ConfigReader& reader, ModelSettings& model);
void read_layers(ConfigReader& reader, std::vector<learner::LayerSpec>& layers);  // [[model.layers]]
void read_data(ConfigReader& reader, Config& config, const std::filesystem::path& base);
void read_training(ConfigReader& reader, TrainingSettings& training);

void write_learner_settings(std::ostream& out, const Config& config);
void write_layers(std::ostream& out, const std::vector<learner::LayerSpec>& layers);

}  // namespace parley::daemon
