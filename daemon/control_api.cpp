#include "daemon/control_api.hpp"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "daemon/model/normalisation.hpp"
#include "net/hash.hpp"

namespace parley::daemon {
namespace {

using nlohmann::json;

// Text of peers and files may hold anything: bytes that are not UTF-8 are replaced, never thrown at.
ControlResponse answer(unsigned status, const json& content) {
    ControlResponse response;
    response.status = status;
    response.text = content.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    return response;
}

ControlResponse refuse(unsigned status, const std::string& why) {
    return answer(status, {{"error", why}});
}

ControlResponse done_or_busy(const Result<void>& result, const char* what) {
    return result ? answer(200, {{"done", what}}) : refuse(503, result.error().message);
}

ControlResponse model_answer(const ModelCopied& copied, bool reference) {
    ControlResponse response;
    response.content_type = "application/octet-stream";
    response.model = reference ? copied.reference : copied.current;
    response.headers = {{"Parley-Which", reference ? "reference" : "current"},
                        {"Parley-Parameters", std::to_string(response.model->size())},
                        {"Parley-Encoding", "f32-little-endian"},
                        {"Parley-Hash", net::blake2b(*response.model).text()},
                        {"Parley-Applied", std::to_string(copied.applied.value)},
                        {"Parley-Batches", std::to_string(copied.statistics.batches)},
                        {"Parley-Samples", std::to_string(copied.statistics.samples)}};
    return response;
}

void get_model(Driver& driver, const ControlRequest& request, ControlReply reply) {
    const auto which = request.query.find("which");
    const std::string name = which == request.query.end() ? "current" : which->second;
    if (name != "current" && name != "reference")
        return reply(refuse(400, "which is neither current nor reference"));
    driver.copy_model([reply, reference = name == "reference"](const Result<ModelCopied>& copied) {
        reply(copied ? model_answer(*copied, reference) : refuse(503, copied.error().message));
    });
}

void get_normalisation(Driver& driver, ControlReply reply) {
    driver.copy_model([reply](const Result<ModelCopied>& copied) {
        reply(copied ? answer(200, normalisation_json(copied->normaliser)) : refuse(503, copied.error().message));
    });
}

void post_checkpoint(Driver& driver, ControlReply reply) {
    driver.write_checkpoint([reply](const Result<LogIndex>& applied) {
        reply(applied ? answer(200, {{"done", "checkpoint"}, {"applied", applied->value}})
                      : refuse(503, applied.error().message));
    });
}

// 503 when there is no room: the caller tries again. Rows that were skipped are named in an answer of 200.
void post_feed(Driver& driver, const ControlRequest& request, ControlReply reply) {
    const auto fed = driver.feed(request.body);
    if (!fed) return reply(refuse(400, fed.error().message));
    const json figures{{"accepted", fed->accepted},
                       {"waiting", fed->waiting},
                       {"skipped", fed->skipped.count},
                       {"latest_skipped", fed->skipped.latest}};
    if (fed->is_full) return reply(refuse(503, "too many examples are waiting to be trained on: try again"));
    reply(answer(200, figures));
}

void get_rounds(Driver& driver, const ControlRequest& request, ControlReply reply) {
    reply(rounds_answer(driver.rounds(), request));
}

// Asked is not done: the group decides. `GET /status` says under group.wanted what is outstanding.
void post_members(Driver& driver, const ControlRequest& request, ControlReply reply) {
    const auto value = [&request](const char* key) {
        const auto found = request.query.find(key);
        return found == request.query.end() ? std::string() : found->second;
    };
    const auto asked = driver.change_members(value("change"), value("member"));
    if (!asked) return reply(refuse(409, asked.error().message));
    reply(answer(200, {{"asked", change_name(asked->change)}, {"member", asked->member.text()}}));
}

using Route = void (*)(Driver&, const ControlRequest&, ControlReply);
struct RouteEntry {
    const char* method;
    std::string_view path;  // with a slash at its end: whatever begins so
    Route route;
};
constexpr RouteEntry routes[] = {
    {"GET", "/status",
     [](Driver& driver, const ControlRequest&, ControlReply reply) {
         reply(answer(200, status_json(driver.status())));
     }},
    {"GET", "/peers",
     [](Driver& driver, const ControlRequest&, ControlReply reply) { reply(answer(200, driver.peers())); }},
    {"GET", "/rounds", get_rounds},
    {"GET", "/rounds/", get_rounds},
    {"GET", "/messages",
     [](Driver& driver, const ControlRequest&, ControlReply reply) {
         reply(answer(200, messages_json(*driver.status().messages)));
     }},
    {"GET", "/model",
     [](Driver& driver, const ControlRequest& request, ControlReply reply) {
         get_model(driver, request, std::move(reply));
     }},
    {"POST", "/feed",
     [](Driver& driver, const ControlRequest& request, ControlReply reply) {
         post_feed(driver, request, std::move(reply));
     }},
    {"POST", "/members",
     [](Driver& driver, const ControlRequest& request, ControlReply reply) {
         post_members(driver, request, std::move(reply));
     }},
    {"GET", "/normalisation",
     [](Driver& driver, const ControlRequest&, ControlReply reply) {
         get_normalisation(driver, std::move(reply));
     }},
    {"POST", "/pause",
     [](Driver& driver, const ControlRequest&, ControlReply reply) {
         reply(done_or_busy(driver.pause(), "pause"));
     }},
    {"POST", "/resume",
     [](Driver& driver, const ControlRequest&, ControlReply reply) {
         reply(done_or_busy(driver.resume(), "resume"));
     }},
    {"POST", "/checkpoint",
     [](Driver& driver, const ControlRequest&, ControlReply reply) {
         post_checkpoint(driver, std::move(reply));
     }},
    {"POST", "/stop",
     [](Driver& driver, const ControlRequest&, ControlReply reply) {
         reply(answer(200, {{"done", "stop"}}));
         driver.stop("asked on the control socket");
     }},
};

void handle(Driver& driver, const ControlRequest& request, ControlReply reply) {
    bool path_exists = false;
    for (const RouteEntry& entry : routes) {
        const bool is_prefix = entry.path.ends_with('/');
        if (is_prefix ? !request.path.starts_with(entry.path) : request.path != entry.path) continue;
        path_exists = true;
        if (request.method == entry.method) return entry.route(driver, request, std::move(reply));
    }
    if (path_exists) return reply(refuse(405, "this path has another method; see GET /"));
    json known = json::array();
    for (const RouteEntry& entry : routes)
        known.push_back(std::string(entry.method) + " " + std::string(entry.path));
    const bool is_root = request.path == "/" && request.method == "GET";
    if (is_root) return reply(answer(200, {{"routes", known}}));
    reply(answer(404, {{"error", "there is no such path"}, {"routes", known}}));
}

}  // namespace

ControlHandler make_control_api(Driver& driver) {
    return [&driver](const ControlRequest& request, ControlReply reply) {
        handle(driver, request, std::move(reply));
    };
}

}  // namespace parley::daemon
