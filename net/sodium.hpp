// Brings libsodium up, once. Internal to net/.
#pragma once

namespace parley::net {

// Cheap to repeat. Aborts when libsodium cannot start (no entropy source): nothing could be done safely.
void start_sodium();

}  // namespace parley::net
