#include "tests/sim/link.hpp"

namespace parley::sim {

namespace {

constexpr std::size_t frame_bytes = 36;    // length, tag and the message's few numbers
constexpr std::size_t id_bytes = 34;
constexpr std::size_t record_bytes = 60;

struct WireBytes {
    std::size_t model_bytes;
    std::size_t parameter_count;

    std::size_t operator()(const Append& message) const {
        std::size_t bytes = frame_bytes;
        for (const Record& record : message.records) {
            const Average* average = record.average();
            if (const Slack* slack = record.slack()) bytes += slack->allowances.size() * (id_bytes + 1);
            bytes += record_bytes + (average == nullptr ? 0 : average->balancing_set.size() * (id_bytes + 1));
        }
        return bytes;
    }
    std::size_t operator()(const Snapshot& message) const {
        return 3 * frame_bytes + message.history.served.size() * (3 * id_bytes);
    }
    std::size_t operator()(const Heartbeat&) const { return frame_bytes + id_bytes; }
    std::size_t operator()(const Contribution&) const { return model_bytes; }
    std::size_t operator()(const Blob&) const { return model_bytes; }
    std::size_t operator()(const BlobLeaves& message) const { return frame_bytes + message.leaves.size() * id_bytes; }
    std::size_t operator()(const BlobLeaf& message) const {
        return model_bytes * message.parameters->size() / parameter_count;
    }
    template <class Other>
    std::size_t operator()(const Other&) const { return frame_bytes; }
};

}  // namespace

std::size_t wire_bytes(const Message& message, const Settings& settings) {
    return std::visit(WireBytes{settings.model_bytes, settings.parameter_count}, message);
}

}  // namespace parley::sim
