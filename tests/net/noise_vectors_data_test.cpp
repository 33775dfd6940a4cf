// Every published vector of our patterns: cacophony and snow (JSON), noise-c (JSON, XX IK KK NN), flynn
// (paragraphs).
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/net/noise_vectors.hpp"
#include "tests/support/data.hpp"

using namespace parley::test;
using nlohmann::json;

namespace {

using Count = std::map<std::string, std::size_t>;

std::vector<std::string> psks_of(const json& entry, const std::string& side) {
    return entry.value(side + "_psks", std::vector<std::string>{});
}

NoiseSide side_of(const json& entry, const std::string& side, const std::string& known) {
    return {entry.value(side + "_prologue", ""), entry.value(side + "_static", ""),
            entry.value(side + "_ephemeral", ""), entry.value(known, ""), psks_of(entry, side)};
}

NoiseVector from_json(const json& entry) {
    NoiseVector vector;
    vector.protocol = entry.value("protocol_name", entry.value("name", ""));
    vector.initiator = side_of(entry, "init", "init_remote_static");
    vector.responder = side_of(entry, "resp", "resp_remote_static");
    vector.handshake_hash = entry.value("handshake_hash", "");
    for (const json& message : entry.at("messages")) {
        vector.messages.emplace_back(message.value("payload", ""), message.value("ciphertext", ""));
    }
    return vector;
}

Count run_json(const std::filesystem::path& file) {
    std::ifstream in(file);
    BOOST_REQUIRE_MESSAGE(in, "cannot read " << file);
    const json all = json::parse(in);
    Count ran;
    for (const json& entry : all.at("vectors")) {
        // noise-c's own "NoisePSK" predates the psk modifiers of the specification.
        if (entry.contains("init_psk")) continue;
        const NoiseVector vector = from_json(entry);
        if (run_noise_vector(vector)) ++ran[vector.protocol];
    }
    return ran;
}

std::string public_of(const std::string& secret_hex) {
    if (secret_hex.empty()) return {};
    const auto pair = parley::net::noise::KeyPair::from_secret_key(to_key(from_hex(secret_hex)));
    std::string hex;
    for (const std::uint8_t byte : pair.public_key) {
        constexpr std::string_view digits = "0123456789abcdef";
        hex += digits[byte >> 4];
        hex += digits[byte & 15];
    }
    return hex;
}

NoiseVector from_paragraph(std::map<std::string, std::string> values) {
    NoiseVector vector;
    vector.protocol = values["handshake"];
    const std::string psk = values["preshared_key"];
    vector.any_transport_order = true;
    const std::vector<std::string> psks =
        psk.empty() ? std::vector<std::string>{} : std::vector<std::string>{psk};
    const std::string initiator_static = values["init_static"];
    const std::string responder_static = values["resp_static"];
    vector.initiator = {values["prologue"], initiator_static, values["gen_init_ephemeral"],
                        public_of(responder_static), psks};
    vector.responder = {values["prologue"], responder_static, values["gen_resp_ephemeral"],
                        public_of(initiator_static), psks};
    for (int i = 0; values.contains("msg_" + std::to_string(i) + "_ciphertext"); ++i) {
        const std::string name = "msg_" + std::to_string(i);
        vector.messages.emplace_back(values[name + "_payload"], values[name + "_ciphertext"]);
    }
    return vector;
}

Count run_paragraphs(const std::filesystem::path& file) {
    std::ifstream in(file);
    BOOST_REQUIRE_MESSAGE(in, "cannot read " << file);
    Count ran;
    std::map<std::string, std::string> values;
    const auto finish = [&] {
        if (values.empty()) return;
        const NoiseVector vector = from_paragraph(std::exchange(values, {}));
        if (run_noise_vector(vector)) ++ran[vector.protocol];
    };
    for (std::string line; std::getline(in, line);) {
        const std::size_t equals = line.find('=');
        if (equals == std::string::npos) {
            finish();
        } else {
            values[line.substr(0, equals)] = line.substr(equals + 1);
        }
    }
    finish();
    return ran;
}

void require_both_hashes(const Count& ran, const std::vector<std::string>& patterns) {
    std::size_t total = 0;
    for (const auto& [protocol, count] : ran)
        total += count;
    BOOST_TEST_MESSAGE(total << " vectors of " << ran.size() << " protocols");
    for (const std::string& pattern : patterns) {
        for (const std::string hash : {"SHA256", "BLAKE2b"}) {
            const std::string protocol = "Noise_" + pattern + "_25519_ChaChaPoly_" + hash;
            BOOST_TEST(ran.contains(protocol), "no vector of " << protocol);
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(cacophony_vectors_agree) {
    const auto folder = data_directory("noise-vectors");
    if (!folder) return;
    require_both_hashes(
        run_json(*folder / "snow" / "cacophony.txt"),
        {"XX", "XXpsk3", "IK", "IKpsk1", "IKpsk2", "KK", "KKpsk0", "KKpsk2", "NN", "NNpsk0", "NNpsk2"});
}

BOOST_AUTO_TEST_CASE(snow_vectors_agree) {
    const auto folder = data_directory("noise-vectors");
    if (!folder) return;
    require_both_hashes(run_json(*folder / "snow" / "snow.txt"),
                        {"XX", "IK", "KK", "NN", "XXpsk0+psk1", "XXpsk0+psk3", "XXpsk0+psk1+psk2+psk3"});
}

BOOST_AUTO_TEST_CASE(noise_c_vectors_agree) {
    const auto folder = data_directory("noise-vectors");
    if (!folder) return;
    require_both_hashes(run_json(*folder / "noise-c" / "noise-c-basic.txt"), {"XX", "IK", "KK", "NN"});
}

BOOST_AUTO_TEST_CASE(flynn_vectors_agree) {
    const auto folder = data_directory("noise-vectors");
    if (!folder) return;
    require_both_hashes(
        run_paragraphs(*folder / "flynn" / "vectors.txt"),
        {"XX", "XXpsk0", "XXpsk1", "XXpsk2", "XXpsk3", "IK", "IKpsk0", "KK", "KKpsk0", "NN", "NNpsk0"});
}
