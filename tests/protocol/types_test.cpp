#include "protocol/types.hpp"

#include <boost/test/unit_test.hpp>

using namespace parley;

BOOST_AUTO_TEST_CASE(an_id_survives_its_text) {
    PeerId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i)
        id.bytes[i] = static_cast<std::uint8_t>(i * 37 + 11);
    const auto parsed = PeerId::parse(id.text());
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST((*parsed == id));
    BOOST_TEST(id.short_text() == id.text().substr(0, 8));
}

BOOST_AUTO_TEST_CASE(ids_are_in_the_order_of_their_bytes) {
    for (std::size_t place = 0; place < Bytes32{}.size(); ++place) {
        PeerId less, more;
        less.bytes.fill(7);
        more.bytes.fill(7);
        more.bytes[place] = 200;
        if (place + 1 < more.bytes.size()) less.bytes[place + 1] = 255;  // counts less than the byte before
        BOOST_TEST((less < more && more > less && less != more && less == less));
    }
}

BOOST_AUTO_TEST_CASE(base32_follows_rfc_4648) {
    PeerId id;  // "foobar" of RFC 4648 section 10, lower case, continued by zeros
    const std::string_view sample = "foobar";
    for (std::size_t i = 0; i < sample.size(); ++i)
        id.bytes[i] = static_cast<std::uint8_t>(sample[i]);
    BOOST_TEST(id.text().substr(0, 9) == "mzxw6ytbo");
}

BOOST_AUTO_TEST_CASE(a_damaged_id_is_refused_with_a_reason) {
    const std::string text = PeerId{}.text();
    BOOST_TEST(!PeerId::parse("").has_value());
    BOOST_TEST(!PeerId::parse(text + "a").has_value());
    BOOST_TEST(!PeerId::parse(text.substr(1) + "1").has_value());
    BOOST_TEST(!PeerId::parse(text.substr(1) + "b").has_value());  // a bit beyond the 256th
    BOOST_TEST(PeerId::parse(std::string(51, 'a')).error().message.contains("52"));
}
