// The demo on the screen: one line a peer, redrawn in place on a terminal, repeated as a block elsewhere.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "daemon/demo/observer.hpp"

namespace parley::daemon {

// "  peer-1  coordinator ..." lines, without a newline at their ends.
std::vector<std::string> draw(const DemoGroup& group, const Observer& observer, double seconds);
// "[###.......] ": how much of the threshold is used up; '!' at the end where it is exceeded, or is NaN.
std::string distance_bar(double distance, double threshold);
// "1.2 MB"
std::string bytes_text(std::uint64_t bytes);

class View {
public:
    explicit View(std::FILE* out);
    bool is_terminal() const { return is_terminal_; }
    void show(const std::vector<std::string>& lines);

private:
    std::FILE* out_;
    bool is_terminal_;
    std::size_t lines_shown_ = 0;
};

}  // namespace parley::daemon
