#include "daemon/storage/member_book.hpp"

#include <nlohmann/json.hpp>

namespace parley::daemon {
namespace {

using nlohmann::json;

constexpr std::size_t book_bytes_max = std::size_t{1} << 20;
constexpr int book_version = 1;

// Nothing when a field is missing, of another type or longer than the membership takes.
std::optional<MemberBook::Known> member_of(const json& row) {
    if (!row.is_object() || !row.contains("id") || !row["id"].is_string()) return std::nullopt;
    const auto id = PeerId::parse(row["id"].get_ref<const std::string&>());
    if (!id) return std::nullopt;
    if (!row.contains("name") || !row["name"].is_string()) return std::nullopt;
    if (!row.contains("addresses") || !row["addresses"].is_array()) return std::nullopt;
    MemberBook::Known member{*id, row["name"].get<std::string>(), {}};
    if (member.name.size() > swim::limits::name_bytes_max) member.name.clear();
    for (const json& address : row["addresses"]) {
        if (!address.is_string() || member.addresses.size() == swim::limits::addresses_max) return std::nullopt;
        if (address.get_ref<const std::string&>().size() > swim::limits::address_bytes_max) return std::nullopt;
        member.addresses.push_back(address.get<std::string>());
    }
    return member;
}

}  // namespace

MemberBook::Loaded MemberBook::load() const {
    const auto unusable = [this](const std::string& why) {
        return Loaded{{}, file_.string() + ": " + why + "; the members' last addresses are forgotten, seeds are tried"};
    };
    const auto bytes = read_file(file_, book_bytes_max);
    if (!bytes) return unusable(bytes.error().message);
    if (!*bytes) return {};
    const std::string text(reinterpret_cast<const char*>((*bytes)->data()), (*bytes)->size());
    const json book = json::parse(text, nullptr, false);
    if (!book.is_object() || !book.contains("version") || book["version"] != book_version || !book.contains("members") ||
        !book["members"].is_array())
        return unusable("not a list of members of version " + std::to_string(book_version));
    Loaded loaded;
    for (const json& row : book["members"]) {
        auto member = member_of(row);
        if (!member) return unusable("a member without id, name or addresses");
        loaded.members.push_back(*std::move(member));
    }
    return loaded;
}

StorageResult<void> MemberBook::store(const std::vector<Known>& members) const {
    json rows = json::array();
    for (const Known& member : members)
        rows.push_back({{"id", member.id.text()}, {"name", member.name}, {"addresses", member.addresses}});
    const std::string text = json{{"version", book_version}, {"members", std::move(rows)}}.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    return write_file(file_, {std::as_bytes(std::span(text))});
}

std::vector<MemberBook::Known> MemberBook::of(const swim::MemberTable& table) {
    std::vector<Known> members;
    for (const auto& [id, member] : table.members()) {
        std::vector<std::string> addresses = member.addresses();
        if (addresses.size() > swim::limits::addresses_max) addresses.resize(swim::limits::addresses_max);
        if (!addresses.empty()) members.push_back({id, member.news.description.name, std::move(addresses)});
    }
    return members;
}

}  // namespace parley::daemon
