#include "tests/protocol/schedules/schedule.hpp"

#include <algorithm>
#include <sstream>

#include "tests/protocol/schedules/peer_node.hpp"
#include "tests/protocol/schedules/raft_node.hpp"
#include "tests/protocol/support.hpp"

namespace parley::schedules {

namespace {

constexpr std::size_t deliveries_max = 20'000;  // of one line: machines that never fall silent

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line.substr(0, line.find('#')));
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

bool is_link(const std::string& word) { return word.size() == 4 && word.substr(1, 2) == "->"; }

Network::Link link_of(const std::string& word) {
    if (!is_link(word)) fail("'" + word + "' is no link, as A->B");
    return {peer_of(word.substr(0, 1)), peer_of(word.substr(3))};
}

// "5/3+1": five founders, three of whom vote, and a newcomer.
struct Size {
    std::uint64_t founders = 0;
    std::uint64_t newcomers = 0;
    CommitteeRule committee;
};

Size size_of(std::string text) {
    Size size;
    if (const auto plus = text.find('+'); plus != std::string::npos) {
        size.newcomers = number_of(text.substr(plus + 1));
        text.resize(plus);
    }
    if (const auto slash = text.find('/'); slash != std::string::npos) {
        size.committee.seats = size.committee.everybody_up_to = number_of(text.substr(slash + 1));
        text.resize(slash);
    }
    size.founders = number_of(text);
    return size;
}

}  // namespace

std::optional<std::string> Schedule::run(const std::string& text) {
    std::istringstream stream(text);
    std::string each;
    for (std::size_t number = 1; std::getline(stream, each); ++number) {
        try {
            line(each);
        } catch (const ScheduleError& error) {
            return "line " + std::to_string(number) + ": " + each + ": " + error.message;
        }
    }
    return std::nullopt;
}

void Schedule::line(const std::string& text) {
    const std::vector<std::string> words = words_of(text);
    if (words.empty()) return;
    tell("> " + text);
    if (words[0] == "group" || words[0] == "disks" || words[0] == "peers") return create(words);
    if (places_.empty()) fail("a schedule begins with `group`, `disks` or `peers`");
    if (words[0] == "expect") return expect(std::span(words).subspan(1));
    command(words);
    check_always();
}

// group 3 | disks 3 [founders wanted] | peers 3 [rounds per term [terms per exchange]] | group 3+1: the last one is a newcomer
void Schedule::create(Words words) {
    Size size = size_of(words[1]);
    if (words.size() > 3) size.committee.terms_per_exchange = number_of(words[3]);
    const auto founders = test::peers(static_cast<std::uint8_t>(size.founders));
    for (const PeerId& id : test::peers(static_cast<std::uint8_t>(size.founders + size.newcomers))) {
        const auto send = [this, id](const PeerId& to, Message message) { sent(id, to, std::move(message)); };
        const std::optional<std::uint64_t> number = words.size() > 2 ? std::optional(number_of(words[2])) : std::nullopt;
        if (words[0] == "peers")
            places_[id].node = std::make_unique<PeerNode>(id, founders, size.committee, number.value_or(1), send);
        else
            places_[id].node = std::make_unique<RaftNode>(
                id, founders, size.committee, words[0] == "disks" ? std::optional<std::size_t>(number.value_or(0)) : std::nullopt, send);
    }
    for (auto& [id, place] : places_)
        place.node->start(local(place));
    check_always();
}

Schedule::Place& Schedule::place(const std::string& letter) {
    const auto found = places_.find(peer_of(letter));
    if (found == places_.end()) fail(letter + " is not in this group");
    return found->second;
}

Node& Schedule::running(const std::string& letter) {
    Node& node = *place(letter).node;
    if (!node.is_up()) fail(letter + " is down");
    return node;
}

// --- commands ---------------------------------------------------------------------------------------------

void Schedule::command(const std::vector<std::string>& words) {
    if (words.size() < 2 && words[0] != "heal") fail("which peer or link?");
    if (time_command(words) || network_command(words) || host_command(words)) return;
    Place& one = place(words[1]);
    if (!one.node->command(local(one), words)) fail("no such command");
}

bool Schedule::time_command(Words words) {
    const std::string& verb = words[0];
    if (verb == "timeout" || verb == "heartbeat") {
        const Role role = running(words[1]).view().role;
        if ((role == Role::coordinator) != (verb == "heartbeat")) fail(std::string("it is ") + role_name(role));
        verb == "heartbeat" ? fire(peer_of(words[1])) : time_out(words[1]);
    } else if (verb == "elect") {
        time_out(words[1]);
        deliver_all();
        if (running(words[1]).view().role != Role::coordinator) fail("it is not elected");
    } else if (verb == "advance") {
        pass(duration_of(words[1]));
    } else if (verb == "wait") {  // its clock goes on, its timers do not fire yet
        place(words[1]).clock_ahead += duration_of(words[2]);
    } else {
        return false;
    }
    return true;
}

bool Schedule::network_command(Words words) {
    const std::string& verb = words[0];
    const std::string kind = words.size() > 2 ? words[2] : "";
    const auto take = [&] {
        auto letter = network_.take(link_of(words[1]), kind);
        if (!letter) fail("there is no such message");
        return *std::move(letter);
    };
    if (verb == "deliver" && words[1] == "all") deliver_all();
    else if (verb == "deliver") deliver(take());
    else if (verb == "drop") static_cast<void>(take());
    else if (verb == "late") network_.put_back(take());
    else if (verb == "lose") network_.lose(link_of(words[1]));
    else if (verb == "hold") network_.hold(link_of(words[1]), kind);
    else if (verb == "release") network_.release(link_of(words[1]), kind);
    else if (verb == "heal") network_.heal();
    else if (verb == "cut") network_.cut(link_of(words[1]));
    else if (verb == "dup") {
        const Network::Letter letter = take();
        network_.put_back(letter);
        deliver(letter);
    } else if (verb == "partition") {  // partition A B | C D E
        const auto bar = std::ranges::find(words, "|");
        for (auto left = words.begin() + 1; left != bar; ++left)
            for (auto right = bar; right != words.end(); ++right) {
                if (*right == "|") continue;
                network_.cut({peer_of(*left), peer_of(*right)});
                network_.cut({peer_of(*right), peer_of(*left)});
            }
    } else {
        return false;
    }
    return true;
}

bool Schedule::host_command(Words words) {
    if (words[0] == "crash") {
        running(words[1]).crash();
    } else if (words[0] == "restart" || words[0] == "new-disk") {
        Place& one = place(words[1]);
        if (one.node->is_up()) one.node->crash();
        if (words[0] == "new-disk") {
            one.node->lose_disk();
            // The promises of a disk are its own.
            std::erase_if(votes_, [id = peer_of(words[1])](const auto& vote) { return vote.first.first == id; });
        }
        one.node->start(local(one));
    } else {
        return false;
    }
    return true;
}

// --- what happens -----------------------------------------------------------------------------------------

void Schedule::fire(const PeerId& id) {
    Place& one = places_.at(id);
    one.clock_ahead += std::max(Duration{}, one.node->next_deadline() - local(one));
    one.node->advance(local(one));
    check_always();
}

// A whole peer has other timers, which come first.
void Schedule::time_out(const std::string& letter) {
    constexpr int timers_max = 100;
    for (int i = 0; i < timers_max; ++i) {
        fire(peer_of(letter));
        if (running(letter).view().role != Role::follower) return;
    }
    fail("it does not stand");
}

void Schedule::deliver(Network::Letter letter) {
    const auto [from, to] = letter.link;
    Place& one = places_.at(to);
    tell("    " + letter_of(from) + "->" + letter_of(to) + " " + text_of(letter.message) +
         (one.node->is_up() ? "" : " (down)"));
    if (one.node->is_up()) one.node->step(local(one), from, letter.message);
    check_always();
}

void Schedule::deliver_all() {
    for (std::size_t count = 0; auto letter = network_.take_next(); ++count) {
        if (count > deliveries_max) fail("the machines never fall silent");
        deliver(*std::move(letter));
    }
}

// Time passes for everybody; timers fire in their order and messages arrive at once.
void Schedule::pass(Duration duration) {
    const Instant end = now_ + duration;
    for (;;) {
        deliver_all();
        PeerId first;
        Instant due = never;
        for (auto& [id, one] : places_) {
            if (!one.node->is_up() || one.node->next_deadline() == never) continue;
            const Instant mine = std::max(now_, one.node->next_deadline() - one.clock_ahead);
            if (mine < due) due = mine, first = id;
        }
        if (due > end) break;
        now_ = due;
        places_.at(first).node->advance(local(places_.at(first)));
        check_always();
    }
    now_ = end;
}

void Schedule::sent(const PeerId& from, const PeerId& to, Message message) {
    std::optional<std::pair<Term, PeerId>> vote;
    if (const auto* request = std::get_if<RequestVote>(&message)) vote = {request->term, from};
    if (const auto* reply = std::get_if<VoteReply>(&message); reply && reply->granted) vote = {reply->term, to};
    if (vote) {
        const auto [place, is_first] = votes_.try_emplace({from, vote->first}, vote->second);
        if (place->second != vote->second) fail(letter_of(from) + " votes twice in term " + std::to_string(vote->first.value));
    }
    if (network_.is_cut({from, to}))
        tell("    " + letter_of(from) + "->" + letter_of(to) + " " + text_of(message) + " (cut)");
    network_.send(from, to, std::move(message));
}

void Schedule::check_always() {
    for (const auto& [id, one] : places_) {
        if (!one.node->is_up()) continue;
        const View view = one.node->view();
        if (view.role == Role::coordinator && coordinators_.try_emplace(view.term, id).first->second != id)
            fail("two coordinators in term " + std::to_string(view.term.value));
        if (bases_.try_emplace(view.base.index, view.base).first->second != view.base)
            fail(letter_of(id) + " has another base " + std::to_string(view.base.index.value));
        for (std::uint64_t index = view.base.index.value + 1; index <= view.commit.value; ++index) {
            const Record& record = view.records.at(index - view.base.index.value - 1);
            if (committed_.try_emplace(index, record).first->second != record)
                fail(letter_of(id) + " has another committed record " + std::to_string(index));
        }
        std::string role = letter_of(id) + " is " + role_name(view.role) + " of term " + std::to_string(view.term.value);
        if (roles_[id] != role) tell("    " + role);
        roles_[id] = std::move(role);
    }
}

// --- expectations -------------------------------------------------------------------------------------------

// expect A coordinator term 3 | expect all commit 4 | expect A->B append timeout_now | expect A->B nothing
void Schedule::expect(Words words) {
    if (words.size() < 2) fail("expect what?");
    if (is_link(words[0])) return expect_link(words[0], words.subspan(1));
    if (words[0] != "all") {
        running(words[0]);
        return expect_one(peer_of(words[0]), words);
    }
    for (const auto& [id, one] : places_)
        if (one.node->is_up()) expect_one(id, words);
}

void Schedule::expect_link(const std::string& link, Words kinds) {
    std::string found;
    for (const Message& message : network_.on(link_of(link)))
        if (!std::holds_alternative<Heartbeat>(message)) found += std::string(found.empty() ? "" : " ") + message_name(message);
    std::string expected;
    for (const std::string& kind : kinds)
        if (kind != "nothing") expected += (expected.empty() ? "" : " ") + kind;
    if (found != expected) fail("under way is: " + (found.empty() ? "nothing" : found));
}

void Schedule::expect_one(const PeerId& id, Words words) {
    Node& node = *places_.at(id).node;
    const View view = node.view();
    const std::string who = letter_of(id);
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string& word = words[i];
        const std::string value = i + 1 < words.size() ? words[i + 1] : "";
        if (word == "follower" || word == "precandidate" || word == "candidate" || word == "coordinator") {
            if (word != role_name(view.role)) fail(who + " is " + role_name(view.role));
        } else if (word == "term") {
            if (view.term.value != number_of(value)) fail(who + " is in term " + std::to_string(view.term.value));
            ++i;
        } else if (word == "commit") {
            if (view.commit.value != number_of(value)) fail(who + " has committed " + std::to_string(view.commit.value));
            ++i;
        } else if (word == "base") {
            if (view.base.index.value != number_of(value)) fail(who + "'s log has the base " + std::to_string(view.base.index.value));
            ++i;
        } else if (word == "follows") {
            const std::string coordinator = view.coordinator ? letter_of(*view.coordinator) : "nobody";
            if (coordinator != value) fail(who + " follows " + coordinator);
            ++i;
        } else if (word == "log") {
            std::string expected;
            while (++i < words.size())
                expected += (expected.empty() ? "" : " ") + words[i];
            if (text_of(view.records) != expected) fail(who + " has the log " + text_of(view.records));
        } else if (i == 1 && node.expect(words)) {
            return;
        } else {
            fail("no such expectation: " + word);
        }
    }
}

}  // namespace parley::schedules
