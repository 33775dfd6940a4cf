// The Noise handshake: vectors that travel with the source, and everything that must fail.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <type_traits>

#include "tests/net/noise_vectors.hpp"

using namespace parley::test;
using namespace parley::net::noise;

namespace {

// From flynn/noise (XXpsk0) and cacophony (the others); the complete files are in
// noise_vectors_data_test.cpp.
const std::vector<NoiseVector> vectors{
    {"Noise_XXpsk0_25519_ChaChaPoly_SHA256",
     {"6e6f74736563726574",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
      "",
      {"2176657279736563726574766572797365637265747665727973656372657421"}},
     {"6e6f74736563726574",
      "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
      "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60",
      "",
      {"2176657279736563726574766572797365637265747665727973656372657421"}},
     {{"746573745f6d73675f30",
       "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662547f533cf20723ac4407c87f43"
       "dc5dc6f6d1867a322a706af81adb"},
      {"746573745f6d73675f31",
       "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d4846622df46c0ac1e0fc71795a84e"
       "37cc0e963d131c8e84c02cd5cfcfe8def3fe128b59d623ffc18ae67b1acba43eb87910b02dc6c1642ae7e8ae"
       "8c8e861ed15d8d6b65ff99f73d8286cc9819"},
      {"746573745f6d73675f32",
       "462127adbe047db3d1fce0581b5447d99b606c591545a7719132e0c91fe93d1294b31017013e8ac0a697b429"
       "22a5fe204111b0bfa4fdeb4704a4b5492137b40088f810ee4d1a58882e25"},
      {"79656c6c6f777375626d6172696e65", "75fff8afebd2f14da1cac9cc5b5201395cdf2ad65f3a97804e360c16f4e2ac"},
      {"7375626d6172696e6579656c6c6f77", "150cc85f79f9ca0f0730b8b4707805ed1969ff6b2770a5d466cd2754802805"}},
     "",
     true},
    {"Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b",
     {"6e6f74736563726574",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
      "",
      {"2176657279736563726574766572797365637265747665727973656372657421"}},
     {"6e6f74736563726574",
      "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
      "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60",
      "",
      {"2176657279736563726574766572797365637265747665727973656372657421"}},
     {{"746573745f6d73675f30",
       "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd1662541fe2db7a97bbe9c0027b1f62"
       "071910cfd2266573bb14a7de4342"},
      {"746573745f6d73675f31",
       "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466def8302a4ce14b6d8679764f"
       "5605d198853b8968688d7432e591c0371dbd9c27c0e397d4a328006c00af1dc428f95bc55c032641bc1cdacc"
       "d5aae41c3d70b1d39ac256cf6c07a7430831"},
      {"746573745f6d73675f32",
       "7ae518aa6a3882fac6b6d6fcd88954cccf404ea1aa2a075d533916de39720ebb1eaeb854d104e73a1406c7ff"
       "4ad6beed519efda7f74013ae060269ba43ed1a294c9c44cff50595ad1324"},
      {"79656c6c6f777375626d6172696e65", "fd0638db68611323934a1dc1c26175ddc9abfbf887629ce59b4303156bcaa1"},
      {"7375626d6172696e6579656c6c6f77", "3d9c9f74481ef29d381234288ecb1d26afa997692fff8407cbf6da726a5725"}},
     "",
     true},
    {"Noise_NN_25519_ChaChaPoly_BLAKE2b",
     {"4a6f686e2047616c74", "", "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a", "", {}},
     {"4a6f686e2047616c74", "", "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b", "", {}},
     {{"4c756477696720766f6e204d69736573",
       "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d"
       "69736573"},
      {"4d757272617920526f746862617264",
       "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d10cf8ef4ab895bed3e46732"
       "11f0c9337039d63a450c7b28196b8a0ebade00"},
      {"462e20412e20486179656b", "e50ec882703a1f34bf4957d8cafd036d34e02930f672f424c676e1"},
      {"4361726c204d656e676572", "35bb2a728d3e8e5f47781d486089e4a37c5c2e4261256f44569a9f"},
      {"4a65616e2d426170746973746520536179",
       "69ee82006e16b79438a34ad9de37ee44d83c267e355750ecf49f194b5c50403030"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "c568b641b01d2f644f2a890538c359915ca50552e55129c029d3721866c2646a7af3fd1eff"}},
     "25b3d1154146a2e058e4db548e0841992cf33a972d5b85a908e4fb8f14b6d94f4987e17baa330c93dd842d6e"
     "da030cd47190c60d7c862574078779aba1302a2e"},
    {"Noise_KK_25519_ChaChaPoly_SHA256",
     {"4a6f686e2047616c74",
      "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
      "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
      "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
      {}},
     {"4a6f686e2047616c74",
      "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
      "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
      "6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a",
      {}},
     {{"4c756477696720766f6e204d69736573",
       "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79440177015efc1fe7a37c629af7"
       "120a96274e6ab7afcc9261901d0e09ae32a5bb96"},
      {"4d757272617920526f746862617264",
       "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843b274d3429adc47ca093ba63e"
       "f90f8da89fda108db471dccfa4894aa7b00003"},
      {"462e20412e20486179656b", "966b05bc69ec01b8454d3160a214e6f24a3d884eb31ec2408af63f"},
      {"4361726c204d656e676572", "0ad887fba4f611bbb4afe44ba3556b8164332ca7d5934634d63d80"},
      {"4a65616e2d426170746973746520536179",
       "012b28ae646ae7830e2c5472cb023eab071c1db3d8413ec69b513b83832f974c2d"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "bb3e6a48160d9c5971d37f975727294e0d868342db31832e54d07191ab0ca3c3703b5ed3d9"}},
     "24c6b51ecb76277140ca018b5985bc9f03de321dae2d34dcae433dafef0131d9"},
    {"Noise_IK_25519_ChaChaPoly_BLAKE2b",
     {"4a6f686e2047616c74",
      "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
      "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
      "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
      {}},
     {"4a6f686e2047616c74",
      "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
      "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
      "",
      {}},
     {{"4c756477696720766f6e204d69736573",
       "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944ba83a447b38c83e327ad9369"
       "29812f624884847b7831e95e197b2f797088efdd2f88f1db7e1fb0e99c64419097af91cee64e470f4b6fcd92"
       "98ce0b56fe20f86e13bf70439c538e3602a7127af71a29cc"},
      {"4d757272617920526f746862617264",
       "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088439f069b267a06b3de3ecb1043"
       "bcb098e9af91d9c64748d998c7b47890871571"},
      {"462e20412e20486179656b", "cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07"},
      {"4361726c204d656e676572", "a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2"},
      {"4a65616e2d426170746973746520536179",
       "49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3"}},
     "1c8fa891cb414fedba6daa7c6f4ae0a6d98e5f9768cc9cecd27e805614943ee9c8a1b27fbfb76dc197255c8a"
     "a69f6b4285c423840b8bedf45e652ca64f797d81"},
    {"Noise_XXpsk3_25519_ChaChaPoly_SHA256",
     {"4a6f686e2047616c74",
      "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
      "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
      "",
      {"54686973206973206d7920417573747269616e20706572737065637469766521"}},
     {"4a6f686e2047616c74",
      "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
      "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
      "",
      {"54686973206973206d7920417573747269616e20706572737065637469766521"}},
     {{"4c756477696720766f6e204d69736573",
       "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944c9f5ff0e8079630cb7e270c2"
       "0bbf480821b77a384a645c71a2fd9b3db1c16a5f"},
      {"4d757272617920526f746862617264",
       "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843b123def17f71e6ae8e57e0e1"
       "dec5949c5f7415c6f33517398747d821a06dc23ad430aa1fd7381d46195c378a819fd574425462cbb2d4ca33"
       "9e738a0b7001dc91423fbf55a99af0c6f1df21012ceb2f"},
      {"462e20412e20486179656b",
       "52187316111b118d4c060364f7b975dc0809b2590779aff2d63113c564f11744493384db7bf32d5ae6686df6"
       "ab06d508d2e07caaf1d6afc010b978735fc78900e71ae1d314130d042e729a"},
      {"4361726c204d656e676572", "eaedc672d4c21e0e2955758756fb98f194c4e90d5deb5b6cf30b27"},
      {"4a65616e2d426170746973746520536179",
       "522d543c5fe799d09a3d9da7ff54d0dc03c8af1dc7751d2ff708339d2290943e98"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "7d4e2c3873eef6a213b04e72f9df60a91666072d3544c5d96c34a09e2329b5030bee796741"}},
     "a477edf6a131bbdb54707f6ea30eab6cd935d9b560f0e5fd1f053a95a99669fb"}};

Key key_of(std::uint8_t fill) {
    Key key;
    std::fill_n(key.data(), key.size(), fill);
    return key;
}

struct Pair {
    HandshakeState initiator;
    HandshakeState responder;
};

HandshakeState xx_psk0(bool initiator, const RawBytes& prologue, std::uint8_t psk) {
    HandshakeParameters parameters;
    parameters.initiator = initiator;
    parameters.prologue = prologue;
    parameters.static_keys = KeyPair::from_secret_key(key_of(initiator ? 1 : 2));
    parameters.psks = {key_of(psk)};
    return HandshakeState(*parse_protocol("Noise_XXpsk0_25519_ChaChaPoly_SHA256"), std::move(parameters));
}

Pair pair_of(const RawBytes& initiators_prologue, const RawBytes& responders_prologue,
             std::uint8_t initiators_psk, std::uint8_t responders_psk) {
    return {xx_psk0(true, initiators_prologue, initiators_psk),
            xx_psk0(false, responders_prologue, responders_psk)};
}

bool is_wiped(ByteView bytes) {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

// Carries messages until one is refused; `change` may alter message number `line`. Returns the refusing line
// and why.
using Change = std::function<void(std::size_t line, RawBytes& message)>;
std::optional<std::pair<std::size_t, Failure>> run(Pair& pair, const Change& change = {}) {
    for (std::size_t line = 0; line < 3; ++line) {
        HandshakeState& writer = line % 2 == 0 ? pair.initiator : pair.responder;
        HandshakeState& reader = line % 2 == 0 ? pair.responder : pair.initiator;
        auto message = writer.write_message({});
        BOOST_REQUIRE(message.has_value());
        if (change) change(line, *message);
        const auto payload = reader.read_message(*message);
        if (!payload) return std::pair{line, payload.error()};
    }
    return std::nullopt;
}

}  // namespace

BOOST_AUTO_TEST_CASE(embedded_vectors_agree) {
    std::size_t ran = 0;
    for (const NoiseVector& vector : vectors)
        ran += run_noise_vector(vector) ? 1 : 0;
    BOOST_TEST(ran == vectors.size());
    BOOST_TEST(ran >= 6u);
}

// RFC 4231 case 2; and BLAKE2b-512 by Python's hmac module, because keyed BLAKE2b would give something else.
BOOST_AUTO_TEST_CASE(hmac_is_rfc_2104_for_both_hashes) {
    const std::string key = "Jefe";
    const std::string message = "what do ya want for nothing?";
    const auto view = [](const std::string& text) {
        return ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    };
    const Digest sha256 = hmac(HashKind::sha256, view(key), view(message));
    const Digest blake2b = hmac(HashKind::blake2b, view(key), view(message));
    BOOST_TEST(RawBytes(sha256.view().begin(), sha256.view().end()) ==
               from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    BOOST_TEST(RawBytes(blake2b.view().begin(), blake2b.view().end()) ==
               from_hex("6ff884f8ddc2a6586b3c98a4cd6ebdf14ec10204b6710073eb5865ade37a2643b8807c1335d107ecdb9f"
                        "feaeb6828c4625ba172c66379efcd222c2de11727ab4"));
}

BOOST_AUTO_TEST_CASE(both_sides_learn_each_other_and_share_keys) {
    Pair pair = pair_of({1, 2}, {1, 2}, 7, 7);
    BOOST_REQUIRE(!run(pair));
    BOOST_TEST((pair.initiator.remote_static() == KeyPair::from_secret_key(key_of(2)).public_key));
    BOOST_TEST((pair.responder.remote_static() == KeyPair::from_secret_key(key_of(1)).public_key));
    TransportCiphers initiators = pair.initiator.split();
    TransportCiphers responders = pair.responder.split();
    RawBytes sealed(3 + tag_bytes);
    RawBytes opened(3);
    BOOST_REQUIRE(initiators.sending.encrypt({}, RawBytes{1, 2, 3}, sealed).has_value());
    BOOST_REQUIRE(responders.receiving.decrypt({}, sealed, opened).has_value());
    BOOST_TEST(opened == (RawBytes{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(another_psk_fails_at_the_first_message) {
    Pair pair = pair_of({1}, {1}, 7, 8);
    const auto refused = run(pair);
    BOOST_REQUIRE(refused.has_value());
    BOOST_TEST(refused->first == 0u);
    BOOST_TEST((refused->second == Failure::decryption_failed));
}

BOOST_AUTO_TEST_CASE(another_prologue_fails_at_the_first_message) {
    Pair pair = pair_of({1}, {2}, 7, 7);
    const auto refused = run(pair);
    BOOST_REQUIRE(refused.has_value());
    BOOST_TEST(refused->first == 0u);
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_is_refused_where_it_is) {
    constexpr std::array<std::size_t, 3> sizes{48, 96, 64};
    for (std::size_t line = 0; line < 3; ++line) {
        for (std::size_t bit = 0; bit < sizes[line] * 8; bit += 5) {
            Pair pair = pair_of({1}, {1}, 7, 7);
            const auto refused = run(pair, [&](std::size_t at, RawBytes& message) {
                if (at == line)
                    message[bit / 8] = static_cast<std::uint8_t>(message[bit / 8] ^ 1u << (bit % 8));
            });
            BOOST_REQUIRE_MESSAGE(refused.has_value(),
                                  "line " << line << " bit " << bit << " went unnoticed");
            BOOST_REQUIRE_EQUAL(refused->first, line);
        }
    }
}

BOOST_AUTO_TEST_CASE(any_truncation_is_refused) {
    constexpr std::array<std::size_t, 3> sizes{48, 96, 64};
    for (std::size_t line = 0; line < 3; ++line) {
        for (std::size_t length = 0; length < sizes[line]; ++length) {
            Pair pair = pair_of({1}, {1}, 7, 7);
            const auto refused = run(pair, [&](std::size_t at, RawBytes& message) {
                if (at == line) message.resize(length);
            });
            BOOST_REQUIRE_MESSAGE(refused.has_value(), "line " << line << " length " << length);
            BOOST_REQUIRE_EQUAL(refused->first, line);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_spent_handshake_stays_failed) {
    HandshakeState responder = xx_psk0(false, {1}, 7);
    const auto first = responder.read_message(RawBytes(10));
    BOOST_TEST(!first.has_value());
    HandshakeState initiator = xx_psk0(true, {1}, 7);
    const auto good = initiator.write_message({});
    BOOST_TEST(!responder.read_message(*good).has_value());
}

// The points of small order (RFC 7748, section 6.1; https://cr.yp.to/ecdh.html#validate).
BOOST_AUTO_TEST_CASE(low_order_points_abort) {
    const std::vector<std::string> points{"0000000000000000000000000000000000000000000000000000000000000000",
                                          "0100000000000000000000000000000000000000000000000000000000000000",
                                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
    for (const std::string& hex : points) {
        // As the responder's ephemeral key: the initiator's ee is the first thing that meets it.
        HandshakeState initiator = xx_psk0(true, {1}, 7);
        BOOST_REQUIRE(initiator.write_message({}).has_value());
        RawBytes message = from_hex(hex);
        message.resize(96);
        const auto payload = initiator.read_message(message);
        BOOST_REQUIRE(!payload.has_value());
        BOOST_TEST((payload.error() == Failure::bad_public_key), hex);
    }
}

BOOST_AUTO_TEST_CASE(the_last_nonce_is_never_used) {
    CipherState sender(key_of(3));
    CipherState receiver(key_of(3));
    sender.set_nonce(std::numeric_limits<std::uint64_t>::max() - 1);
    receiver.set_nonce(std::numeric_limits<std::uint64_t>::max() - 1);
    RawBytes sealed(tag_bytes);
    RawBytes nothing;
    BOOST_TEST(sender.encrypt({}, nothing, sealed).has_value());
    BOOST_TEST(receiver.decrypt({}, sealed, nothing).has_value());
    BOOST_TEST((sender.encrypt({}, nothing, sealed).error() == Failure::nonce_exhausted));
    BOOST_TEST((receiver.decrypt({}, sealed, nothing).error() == Failure::nonce_exhausted));
}

BOOST_AUTO_TEST_CASE(rekey_changes_the_key_on_both_sides_alike) {
    CipherState sender(key_of(3));
    CipherState receiver(key_of(3));
    CipherState stale(key_of(3));
    sender.rekey();
    receiver.rekey();
    RawBytes sealed(1 + tag_bytes);
    RawBytes opened(1);
    BOOST_REQUIRE(sender.encrypt({}, RawBytes{9}, sealed).has_value());
    BOOST_TEST((stale.decrypt({}, sealed, opened).error() == Failure::decryption_failed));
    BOOST_TEST(receiver.decrypt({}, sealed, opened).has_value());
}

BOOST_AUTO_TEST_CASE(a_failed_decryption_leaves_the_nonce) {
    CipherState sender(key_of(3));
    CipherState receiver(key_of(3));
    RawBytes sealed(1 + tag_bytes);
    RawBytes opened(1);
    BOOST_REQUIRE(sender.encrypt({}, RawBytes{9}, sealed).has_value());
    RawBytes broken = sealed;
    broken[0] ^= 1;
    BOOST_TEST(!receiver.decrypt({}, broken, opened).has_value());
    BOOST_TEST(receiver.nonce() == 0u);
    BOOST_TEST(receiver.decrypt({}, sealed, opened).has_value());
}

// A session's coroutines keep what they have moved from for as long as the session lives.
// NOLINTBEGIN(bugprone-use-after-move): what is left behind is what is tested
BOOST_AUTO_TEST_CASE(a_moved_secret_is_wiped_where_it_was) {
    static_assert(std::is_nothrow_move_constructible_v<Key> && std::is_nothrow_move_assignable_v<Key>);
    Key first = key_of(3);
    Key second = std::move(first);
    BOOST_TEST(is_wiped(first.view()));
    BOOST_TEST(second.data()[31] == 3u);
    first = std::move(second);
    BOOST_TEST(is_wiped(second.view()));
    BOOST_TEST(first.data()[31] == 3u);
    Key& itself = first;
    first = std::move(itself);
    BOOST_TEST(first.data()[31] == 3u);
    const Key copy = first;
    BOOST_TEST(copy.data()[31] == 3u);
    BOOST_TEST(first.data()[31] == 3u);
}

BOOST_AUTO_TEST_CASE(moved_states_take_their_secrets_along) {
    CipherState cipher(key_of(3));
    CipherState taken_cipher = std::move(cipher);
    CipherState zeros{Key{}};
    CipherState same(key_of(3));
    RawBytes sealed(1 + tag_bytes);
    RawBytes expected(1 + tag_bytes);
    BOOST_REQUIRE(cipher.encrypt({}, RawBytes{9}, sealed).has_value());
    BOOST_REQUIRE(zeros.encrypt({}, RawBytes{9}, expected).has_value());
    BOOST_TEST(sealed == expected);
    BOOST_REQUIRE(taken_cipher.encrypt({}, RawBytes{9}, sealed).has_value());
    BOOST_REQUIRE(same.encrypt({}, RawBytes{9}, expected).has_value());
    BOOST_TEST(sealed == expected);

    HandshakeState state = xx_psk0(true, {1}, 7);
    HandshakeState taken_state = std::move(state);
    BOOST_TEST(is_wiped(state.handshake_hash().view()));
    HandshakeState responder = xx_psk0(false, {1}, 7);
    const auto message = taken_state.write_message({});
    BOOST_REQUIRE(message.has_value());
    BOOST_TEST(responder.read_message(*message).has_value());
}
// NOLINTEND(bugprone-use-after-move)

BOOST_AUTO_TEST_CASE(only_our_protocol_names_are_known) {
    for (const std::string name :
         {"Noise_XX_25519_AESGCM_SHA256", "Noise_XX_448_ChaChaPoly_SHA256",
          "Noise_XX_25519_ChaChaPoly_SHA512", "Noise_XXpsk4_25519_ChaChaPoly_SHA256",
          "Noise_XXpsk_25519_ChaChaPoly_SHA256", "Noise_XK_25519_ChaChaPoly_SHA256", "XX", ""}) {
        BOOST_TEST(!parse_protocol(name).has_value(), name);
    }
    BOOST_TEST(parse_protocol("Noise_XXpsk0+psk3_25519_ChaChaPoly_BLAKE2b").has_value());
}
