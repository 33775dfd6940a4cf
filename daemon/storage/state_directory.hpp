// Everything a peer keeps, opened in the right order: lock, start counter, log, blobs. The first header to
// read in this folder.
//
//   lock  identity.key  starts  log  blobs/  checkpoint  checkpoint.previous  members.json
//   initial.parley, if a model was imported: model/initial_model.hpp
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "daemon/storage/blob_store.hpp"
#include "daemon/storage/checkpoint.hpp"
#include "daemon/storage/files.hpp"
#include "daemon/storage/member_book.hpp"
#include "daemon/storage/write_ahead_log.hpp"

namespace parley::daemon {

struct StateDirectory {
    DirectoryLock lock;
    WriteAheadLog log;
    BlobStore blobs;
    CheckpointStore checkpoints;
    MemberBook members;
    Incarnation incarnation;  // of this start: one more than at the last one

    struct Opened;
    // Locks the directory, counts the start, recovers. Fails if another daemon has it, if the log belongs to
    // another peer, is damaged, or has vanished though this peer has run before.
    static StorageResult<Opened> open(const std::filesystem::path& directory, const PeerId& self);
};

struct StateDirectory::Opened {
    StateDirectory state;
    HardState hard_state;
    HistorySnapshot base;  // stands for the records before
    std::vector<Record> records;
    std::set<ModelHash> blobs;
    std::vector<std::string> notes;  // what recovery cut off or removed: one warning each for the log
};
// PersistedState is these fields, `checkpoints.load(...)->checkpoint->applied` and the incarnation.

}  // namespace parley::daemon
