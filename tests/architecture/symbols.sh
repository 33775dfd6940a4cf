#!/usr/bin/env bash
# The protocol's library asks the system for nothing: no clock, socket, thread, file or entropy. Prints every symbol
# it should not need, with the object that needs it, and fails.
# usage: symbols.sh LIBRARY
#
# Allowed, and therefore not listed: what CHECK needs to say why it aborts (fprintf, vsnprintf, stderr, abort),
# memory, and the containers and exceptions of the standard library.
set -euo pipefail
export LC_ALL=C
library=${1:?usage: symbols.sh LIBRARY}

forbidden=(
    # clocks
    'std::chrono::.*_clock::now\(' 'clock_gettime' 'clock_nanosleep' 'gettimeofday' 'time' 'clock' 'nanosleep' 'usleep' 'sleep'
    'localtime(_r)?' 'gmtime(_r)?' 'timerfd_.*' 'timer_.*'
    # sockets, waiting
    'socket' 'socketpair' 'connect' 'bind' 'listen' 'accept4?' 'send(to|msg|mmsg)?' 'recv(from|msg|mmsg)?' 'getaddrinfo'
    'gethostby.*' 'epoll_.*' 'p?poll' 'p?select' 'io_uring_.*' 'boost::.*'
    # threads
    'std::thread::.*' 'std::jthread::.*' 'std::condition_variable.*' 'std::__atomic_futex.*' 'pthread_(create|mutex|cond|rwlock|join).*'
    'sem_.*' 'fork' 'vfork' 'posix_spawn.*' 'system' 'popen'
    # files and terminals
    'open(at)?(64)?' 'fopen(64)?' 'fdopen' 'creat(64)?' 'read' 'write' 'pread(64)?' 'pwrite(64)?' 'readv' 'writev' 'fread' 'rename(at)?' 'unlink(at)?'
    'mmap(64)?' 'stat(64)?' 'fstat(64)?' 'opendir' 'mkdir' 'printf' 'puts' 'putchar' 'getenv' 'secure_getenv'
    'std::filesystem::.*' 'std::(basic_)?(i|o)?(fstream|filebuf).*' 'std::c(out|err|in|log)' 'std::ios_base::Init::.*'
    # entropy
    'std::random_device::.*' 'getrandom' 'getentropy' 's?rand(om)?(_r)?' 'rand_r' '[dlm]rand48(_r)?' 'arc4random.*' 'randombytes.*' 'crypto_.*' 'sodium_.*'
)
pattern=$(IFS='|'; echo "${forbidden[*]}")

if ! symbols=$(nm -uC "$library" 2>&1); then
    printf 'symbols.sh: nm cannot read %s:\n%s\n' "$library" "$symbols"
    exit 2
fi
# Lines are "object.o:" and "    U symbol" (w: weak, asked for as well).
awk -v pattern="^(${pattern//\\/\\\\})(@.*)?\$" -v library="$library" '
/^[^ ].*:$/ { object = $0; sub(/:$/, "", object) }
/^ +[Uwv] / {
    symbols++
    symbol = $0; sub(/^ +[Uwv] /, "", symbol)
    name = symbol
    if (name !~ /^std::chrono/) sub(/\(.*/, "", name)
    if (name ~ pattern || symbol ~ /_clock::now\(/) { printf "%s(%s): %s\n", library, object, symbol; violations++ }
}
END {
    if (symbols == 0) { print "symbols.sh: no symbols in " library; exit 2 }
    if (violations == 0) printf "symbols.sh: %d uses of symbols, none forbidden\n", symbols
    exit violations > 0
}' <<<"$symbols"
