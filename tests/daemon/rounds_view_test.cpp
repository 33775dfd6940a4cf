// GET /rounds over a control socket, and what `parley explain` makes of the answers.
#include "daemon/rounds_view.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "daemon/commands/round_report.hpp"
#include "daemon/control_client.hpp"
#include "tests/daemon/temporary_directory.hpp"
#include "tests/protocol/support.hpp"

namespace {

using namespace parley;
using namespace parley::daemon;
using nlohmann::json;
using parley::test::at;
using parley::test::average;
using parley::test::peer;

// Peer 1 in a group of three: it coordinated round 3.1 (partial) and dropped 5.1; 4.1 (full) was peer 2's.
RoundsView sample() {
    RoundsView view{.self = peer(1), .names = {{peer(1), "alpha"}, {peer(2), "beta"}, {peer(3), ""}}, .rounds = {}, .now = at(60s)};
    RoundStory own{.id = {Term{3}, 1}, .coordinator = peer(1), .decision = {}, .at_coordinator = {}, .at_member = {}};
    own.decision = RoundDecision{LogIndex{8}, average(3, 1, {1, 2}), false, {}, at(10050ms)};
    own.at_coordinator = RoundAtCoordinator{};
    RoundAtCoordinator& seen = *own.at_coordinator;
    seen.threshold = 1;
    seen.members = 3;
    seen.violators = {{peer(2), 2.25}};
    seen.steps = {{at(10s), AskReason::violated, {peer(2)}, 2.5}, {at(10020ms), AskReason::far, {peer(1), peer(3)}, 0.5}};
    seen.asked[peer(2)] = {at(10s), AnswerState::answered, at(10020ms), 1};
    seen.asked[peer(1)] = {at(10020ms), AnswerState::answered, at(10030ms), 1};
    seen.asked[peer(3)] = {at(10020ms), AnswerState::gone, at(10032ms), 0};
    seen.opened = at(10s);
    seen.averaged = at(10032ms);
    seen.stored = {{peer(1), at(10040ms)}, {peer(2), at(10044ms)}};
    seen.proposed = at(10044ms);
    seen.committed = at(10050ms);
    seen.bytes_sent = 400;
    seen.bytes_received = 200;
    RoundStory other{.id = {Term{4}, 1}, .coordinator = peer(2), .decision = {}, .at_coordinator = {}, .at_member = {}};
    other.decision = RoundDecision{LogIndex{10}, average(4, 1, {1, 2, 3}, 2), true, {}, at(20060ms)};
    other.at_member = RoundAtMember{};
    other.at_member->asked = at(20s);
    other.at_member->contributed = at(20015ms);
    other.at_member->own_distance = 3.5;
    other.at_member->applied = at(20061ms);
    other.at_member->bytes_sent = 100;
    RoundStory dropped{.id = {Term{5}, 1}, .coordinator = peer(1), .decision = {}, .at_coordinator = {}, .at_member = {}};
    dropped.at_coordinator = RoundAtCoordinator{};
    dropped.at_coordinator->opened = at(30s);
    dropped.at_coordinator->dropped = at(33s);
    dropped.at_coordinator->drop_reason = "nobody answered";
    view.rounds = {own, other, dropped};
    return view;
}

struct Answered {
    unsigned status = 0;
    json body;
};

// Over a real control socket, so that paths and queries are those of the wire.
class Socket {
public:
    Socket() {
        auto created = ControlServer::create(
            io_, path_, [](const ControlRequest& request, const ControlReply& reply) { reply(rounds_answer(sample(), request)); });
        BOOST_REQUIRE_MESSAGE(created.has_value(), (created ? "" : created.error().message));
        server_ = std::move(*created);
        thread_ = std::thread([this] { io_.run(); });
    }
    ~Socket() {
        io_.stop();
        thread_.join();
    }
    Answered get(const std::string& target) const {
        const auto answer = ask(path_, "GET", target);
        BOOST_REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().message));
        return {answer->status, json::parse(answer->body)};
    }

private:
    parley::test::TemporaryDirectory directory_;
    std::filesystem::path path_ = directory_ / "control.sock";
    boost::asio::io_context io_;
    std::unique_ptr<ControlServer> server_;
    std::thread thread_;
};

void check_says(const std::string& text, std::initializer_list<const char*> words) {
    for (const char* word : words)
        BOOST_TEST(text.find(word) != std::string::npos, "\"" << text << "\" lacks " << word);
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_last_rounds_come_newest_first_and_no_more_than_asked_for) {
    const Socket socket;
    const Answered all = socket.get("/rounds");
    BOOST_TEST(all.status == 200U);
    BOOST_REQUIRE(all.body["rounds"].size() == 3U);
    BOOST_TEST(all.body["rounds"][0]["round"] == "5.1");
    BOOST_TEST(all.body["rounds"][0]["kind"] == "dropped");
    BOOST_TEST(all.body["rounds"][1]["kind"] == "full");
    BOOST_TEST(all.body["rounds"][2]["kind"] == "partial");
    const Answered two = socket.get("/rounds?last=2");
    BOOST_REQUIRE(two.body["rounds"].size() == 2U);
    BOOST_TEST(two.body["rounds"][1]["round"] == "4.1");
    for (const char* wrong : {"/rounds?last=0", "/rounds?last=101", "/rounds?last=x", "/rounds/3.", "/rounds/x", "/rounds/"})
        BOOST_TEST(socket.get(wrong).status == 400U, wrong);
}

BOOST_AUTO_TEST_CASE(a_round_is_found_by_its_id_by_its_record_and_as_the_latest) {
    const Socket socket;
    BOOST_TEST(socket.get("/rounds/latest").body["round"]["round"] == "5.1");
    BOOST_TEST(socket.get("/rounds/10").body["round"]["round"] == "4.1");
    const json round = socket.get("/rounds/3.1").body["round"];
    BOOST_TEST(round["index"] == 8);
    BOOST_TEST(round["weights"].size() == 2U);
    BOOST_TEST(round["seconds_ago"] == 50.0);
    const json& part = round["coordination"];
    BOOST_TEST(part["violators"][0]["id"] == peer(2).text());
    BOOST_TEST(part["violators"][0]["distance"] == 2.25);
    BOOST_TEST(part["steps"][1]["reason"] == "far");
    BOOST_TEST(part["steps"][1]["ms"] == 20.0);
    BOOST_TEST(part["averaged_ms"] == 32.0);
    BOOST_TEST(part["committed_ms"] == 50.0);
    BOOST_TEST(part["dropped_ms"].is_null());
    BOOST_TEST(round["missing"] == "");
    BOOST_TEST(round["membership"].is_null());
}

BOOST_AUTO_TEST_CASE(what_only_another_coordinator_knows_is_said_with_its_name) {
    const Socket socket;
    const json round = socket.get("/rounds/4.1").body["round"];
    BOOST_TEST(round["coordination"].is_null());
    BOOST_TEST(round["violations"] == 2);
    BOOST_TEST(round["membership"]["contributed_ms"] == 15.0);
    BOOST_TEST(round["membership"]["committed_ms"] == 60.0);
    check_says(round["missing"].get<std::string>(), {"who violated", "ask beta", "parley explain 4.1"});
}

BOOST_AUTO_TEST_CASE(an_unknown_round_is_refused_with_what_is_kept_and_whom_to_ask) {
    const Socket socket;
    const Answered answer = socket.get("/rounds/4.2");
    BOOST_TEST(answer.status == 404U);
    check_says(answer.body["error"].get<std::string>(), {"the last 100", "3.1 to 5.1", "ask beta"});
    BOOST_TEST(socket.get("/rounds/9").status == 404U);  // a record without a round
}

BOOST_AUTO_TEST_CASE(people_read_names_sentences_and_a_timeline) {
    const Socket socket;
    const std::string own = round_report(socket.get("/rounds/3.1").body);
    check_says(own, {"round 3.1: partial balancing", "record 8", "coordinator  alpha (this peer)",
                     "violators    beta: squared distance 2.25 of threshold 1", "not forced", "because the mean was outside the ball",
                     "squared distance 0.5, within", "answered     ", "beta, 20.0 ms after it was asked", "is dead, has left",
                     "12.0 ms after it was asked", "400 bytes sent, 200 received", "50.0 ms  committed", "beta 1"});
    BOOST_TEST(own.find("not known") == std::string::npos);
    const std::string other = round_report(socket.get("/rounds/4.1").body);
    check_says(other, {"full synchronisation", "coordinator  beta\n", "15.0 ms  the snapshot is durable", "3.5, above",
                       "not known    who violated", "ask beta"});
    check_says(round_report(socket.get("/rounds/5.1").body), {"dropped: nobody answered", "3000.0 ms  dropped"});
    const std::string table = round_table(socket.get("/rounds").body);
    check_says(table, {"violators", "given up", "5.1  dropped", "4.1  full", "3.1  partial", "50.0", "600", "beta", "?"});
}
