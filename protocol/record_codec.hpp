// Bytes of the log's records and of what stands for those that were compacted; for codec.cpp, which everybody else calls.
#pragma once

#include <vector>

#include "protocol/codec.hpp"
#include "protocol/msgpack_fields.hpp"

namespace parley::record_codec {

void pack(msgpack_fields::Packer& out, const Members& members);
void pack(msgpack_fields::Packer& out, const Record& record);
void pack(msgpack_fields::Packer& out, const HistorySnapshot& history);
void pack(msgpack_fields::Packer& out, const std::vector<PeerId>& ids);

Members read_members(msgpack_fields::FieldReader& in);
Record read_record(msgpack_fields::FieldReader& in);
HistorySnapshot read_history(msgpack_fields::FieldReader& in);
// At most `ids_max`, none twice, in order unless that does not matter.
std::vector<PeerId> read_ids(msgpack_fields::FieldReader& in, const char* field, std::size_t ids_max, bool is_sorted = true);

}  // namespace parley::record_codec
