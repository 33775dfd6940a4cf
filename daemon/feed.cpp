#include "daemon/feed.hpp"

namespace parley::daemon {

Result<std::unique_ptr<Feed>> Feed::create(const DataSettings& data, std::shared_ptr<learner::PushQueue> queue) {
    learner::CsvOptions options = data.csv;
    options.malformed = learner::MalformedRows::skip;
    auto parser = learner::CsvParser::create(data.features, options);
    if (!parser) return failure(parser.error().message);
    return std::unique_ptr<Feed>(new Feed(std::move(*parser), std::move(queue)));
}

Result<FeedAnswer> Feed::take(std::string_view rows) {
    auto parsed = parser_.parse_rows(rows, "row");
    if (!parsed) return failure(parsed.error().message);
    FeedAnswer answer{.accepted = parsed->data.size(), .skipped = parsed->skipped};
    const auto pushed = queue_->try_push(std::move(parsed->data));
    if (!pushed) return failure(pushed.error().message);
    answer.waiting = pushed->waiting;
    answer.is_full = !pushed->accepted;
    if (answer.is_full) answer.accepted = 0;
    return answer;
}

}  // namespace parley::daemon
