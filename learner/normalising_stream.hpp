// A stream whose inputs are scaled by what has been seen of them so far.
#pragma once

#include <cstddef>
#include <memory>

#include "learner/error.hpp"
#include "learner/stream.hpp"

namespace parley::learner {

// What is learned goes into every checkpoint, 16 bytes a feature, and leaves half of the room to the stream
// within.
constexpr std::size_t normalised_features_max = stream_memory_bytes_max / 2 / 16;

// Each sample is observed and then scaled, in the order in which they come; so a sample's scale never depends
// on later ones. In further passes over a data set the normaliser goes on learning. Its state is part of
// StreamState::memory: a restored stream goes on bit by bit.
Result<std::unique_ptr<Stream>> make_normalising_stream(std::unique_ptr<Stream> stream);

}  // namespace parley::learner
