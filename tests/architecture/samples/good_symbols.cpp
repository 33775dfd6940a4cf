// What the symbol check must allow: memory, containers, and a CHECK that says why it aborts.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

std::string sample_text(std::map<int, std::string>& map, int time) {
    if (map.empty()) {
        std::fprintf(stderr, "empty at %d\n", time);
        std::abort();
    }
    return map[time] + "socket";
}
