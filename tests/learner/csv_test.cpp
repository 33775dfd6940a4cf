#include "learner/csv.hpp"

#include <boost/test/unit_test.hpp>

#include "learner/csv_line.hpp"
#include "learner/random.hpp"
#include "learner/text.hpp"
#include "tests/learner/files.hpp"

using namespace parley::learner;
using namespace parley::learner::test;

namespace {

using Labels = std::vector<std::uint32_t>;
using Floats = std::vector<float>;

const CsvOptions strict{.malformed = MalformedRows::stop};

CsvData parse(std::string_view text, const CsvOptions& options = {}) {
    return unwrap(parse_csv(text, "FILE", options));
}

std::vector<std::string> fields(std::string_view line, char delimiter = ',') {
    std::vector<std::string> result;
    CsvLine rest(line, delimiter);
    while (const auto field = rest.next())
        result.push_back(unescaped(*field));
    if (rest.malformed()) result.push_back(std::string("malformed: ") + rest.malformed());
    return result;
}

using Texts = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_CASE(a_line_is_cut_at_delimiters_outside_of_quotation_marks) {
    BOOST_TEST((fields("a,b,,c") == Texts{"a", "b", "", "c"}));
    BOOST_TEST((fields("") == Texts{""}));
    BOOST_TEST((fields(",") == Texts{"", ""}));
    BOOST_TEST((fields(" a b ,\t c") == Texts{"a b", "c"}));
    BOOST_TEST((fields("\"a,b\",\"c\"\"d\", \"\" ") == Texts{"a,b", "c\"d", ""}));
    BOOST_TEST((fields("a\t\tb", '\t') == Texts{"a", "", "b"}));
    BOOST_TEST((fields("a;b,c", ';') == Texts{"a", "b,c"}));
    BOOST_TEST((fields("a\"b,c") == Texts{"a\"b", "c"}));
    BOOST_TEST(fields("a,\"b").back() == "malformed: a quotation mark is not closed within the line");
    BOOST_TEST(fields("a,\"b\"\"").back() == "malformed: a quotation mark is not closed within the line");
    BOOST_TEST(fields("\"a\"b,c").back() == "malformed: text follows a closing quotation mark");
}

BOOST_AUTO_TEST_CASE(numbers_are_decimal_finite_and_fit_into_a_float) {
    for (const auto& [text, value] :
         std::initializer_list<std::pair<const char*, double>>{{"0", 0},
                                                               {"-2.5", -2.5},
                                                               {"+3", 3},
                                                               {"1e3", 1000},
                                                               {".5", 0.5},
                                                               {"1.", 1},
                                                               {"3.4e38", 3.4e38}}) {
        BOOST_TEST(parse_number(text).value_or(-1) == value);
    }
    for (const auto& [text, reason] : std::initializer_list<std::pair<const char*, const char*>>{
             {"", "is missing"},
             {"NA", "is missing"},
             {"?", "is missing"},
             {"nan", "is missing"},
             {"-NaN", "is missing"},
             {"inf", "is not finite"},
             {"-Infinity", "is not finite"},
             {"1e39", "is out of the range of 32-bit numbers"},
             {"-3.5e38", "is out of the range of 32-bit numbers"},
             {"1e999", "is out of the range of 32-bit numbers"},
             {"abc", "is not a number"},
             {"1.5x", "is not a number"},
             {"0x10", "is not a number"},
             {"+-1", "is not a number"},
             {"++1", "is not a number"},
             {"+", "is not a number"},
             {"1 2", "is not a number"},
             {"1,5", "is not a number"},
             {"1e", "is not a number"}}) {
        const auto number = parse_number(text);
        BOOST_REQUIRE_MESSAGE(!number.has_value(), text);
        BOOST_TEST(std::string(number.error()) == reason, text << ": " << number.error());
    }
}

BOOST_AUTO_TEST_CASE(the_target_is_the_last_column_or_the_one_that_is_named_or_numbered) {
    const std::string_view text = "a,b,c\n1,2,3\n4,5,6\n";
    const CsvData last = parse(text);
    BOOST_TEST((last.data.values == Floats{1, 2, 4, 5}));
    BOOST_TEST((last.data.labels == Labels{3, 6}));
    BOOST_TEST((last.data.input == feature_shape(2)));
    BOOST_TEST((last.data.target == class_target(7)));
    BOOST_TEST((last.columns == CsvColumns{{"a", "b", "c"}, 3, 2}));
    const CsvData named = parse(text, {.target = "a"});
    BOOST_TEST((named.data.values == Floats{2, 3, 5, 6}));
    BOOST_TEST((named.data.labels == Labels{1, 4}));
    const CsvData numbered = parse(text, {.target = "1"});
    BOOST_TEST((numbered.data.values == Floats{1, 3, 4, 6}));
    BOOST_TEST((numbered.data.labels == Labels{2, 5}));
    BOOST_TEST((parse("1,0\n5,6\n", {.header = CsvHeader::present, .target = "1"}).data.labels == Labels{5}));
}

BOOST_AUTO_TEST_CASE(a_target_that_cannot_be_told_is_refused_with_the_names_there_are) {
    check_refused(parse_csv("a,b\n1,2\n", "FILE", {.target = "x"}),
                  "FILE:1: there is no column \"x\"; there are \"a\", \"b\"");
    check_refused(parse_csv("a,b\n1,2\n", "FILE", {.target = "2"}),
                  "FILE:1: there is no column 2; columns are 0 to 1");
    check_refused(parse_csv("a,a\n1,2\n", "FILE", {.target = "a"}), "2 columns are called \"a\"");
    check_refused(parse_csv("1,2\n", "FILE", {.target = "a"}), "there is no header");
    check_refused(parse_csv("a\n1\n", "FILE", {}), "FILE:1: a single column");
    check_refused(parse_csv("a;b\n1;2\n", "FILE", {}), "is the delimiter \",\"?");
}

BOOST_AUTO_TEST_CASE(a_header_is_recognised_by_having_no_number) {
    BOOST_TEST(parse("a,b\n1,0\n").data.size() == 1u);
    BOOST_TEST(parse("1,0\n1,1\n").data.size() == 2u);
    BOOST_TEST(parse("1,0\n1,1\n", {.header = CsvHeader::present}).data.size() == 1u);
    BOOST_TEST(parse("1,0\n").columns.names.empty());
    BOOST_TEST(parse("x,0\n1,1\n").skipped.count == 1u);  // has a number: a row, and malformed
    check_refused(
        parse_csv("a,b\n1,0\n", "FILE", {.header = CsvHeader::absent, .malformed = MalformedRows::stop}),
        "FILE:1: column 0: \"a\" is not a number");
}

BOOST_AUTO_TEST_CASE(values_may_be_the_target) {
    const CsvData data = parse("x,y\n1,-2.5\n3,4\n", {.task = Task::regression});
    BOOST_TEST((data.data.target == value_target(1)));
    BOOST_TEST((data.data.targets == Floats{-2.5f, 4}));
    BOOST_TEST(data.data.labels.empty());
    BOOST_TEST(data.data.size() == 2u);
}

BOOST_AUTO_TEST_CASE(line_ends_marks_quotation_and_blank_ends_do_not_matter) {
    const CsvData plain = parse("a,b\n1,0\n2,1\n", strict);
    for (const char* text :
         {"a,b\r\n1,0\r\n2,1\r\n", "a,b\n1,0\n2,1",
          "\xef\xbb\xbf"
          "a,b\n1,0\n2,1\n",
          "a,b\n1,0\n2,1\n\n \r\n\n", "\"a\",\"b\"\n\"1\",\"0\"\n\"2\",1\n", "a , b\n 1 ,\t0\n+2.0,1.0\n"}) {
        const CsvData other = parse(text, strict);
        BOOST_TEST((other.data.values == plain.data.values), text);
        BOOST_TEST((other.data.labels == plain.data.labels), text);
        BOOST_TEST((other.columns == plain.columns), text);
    }
    BOOST_TEST((parse("a;b\n1;0\n", {.delimiter = ';'}).data.values == Floats{1}));
    BOOST_TEST((parse("1\t0\n2\t1\n", {.delimiter = '\t'}).data.labels == Labels{0, 1}));
}

BOOST_AUTO_TEST_CASE(a_malformed_row_is_named_by_file_line_and_column) {
    const std::string long_line(csv_line_bytes_max + 1, '1');
    const struct {
        std::string row;
        const char* reason;
    } cases[] = {
        {"abc,2,0", "FILE:3: column \"p\": \"abc\" is not a number"},
        {"1,,0", "FILE:3: column \"q\": the value is missing"},
        {"1,NA,0", "FILE:3: column \"q\": \"NA\" is missing"},
        {"1,?,0", "FILE:3: column \"q\": \"?\" is missing"},
        {"1,nan,0", "FILE:3: column \"q\": \"nan\" is missing"},
        {"inf,2,0", "FILE:3: column \"p\": \"inf\" is not finite"},
        {"1e39,2,0", "FILE:3: column \"p\": \"1e39\" is out of the range"},
        {"1,2", "FILE:3: 2 fields, expected 3"},
        {"1,2,0,4", "FILE:3: 4 fields, expected 3"},
        {"1,2,0,", "FILE:3: 4 fields, expected 3"},
        {"", "FILE:3: column \"p\": the value is missing"},
        {"1,2,0.5", "FILE:3: column \"class\": label 0.5 is not a whole number in 0..2"},
        {"1,2,-1", "FILE:3: column \"class\": label -1 is not a whole number in 0..2"},
        {"1,2,3", "FILE:3: column \"class\": label 3 is not a whole number in 0..2"},
        {"1,2,1e30", "label 1e+30 is not"},
        {"1,\"2,0", "FILE:3: a quotation mark is not closed"},
        {"1,\"2\"x,0", "FILE:3: text follows a closing quotation mark"},
        {"1,2\xff,0", "FILE:3: bytes that are not UTF-8; save the file as UTF-8"},
        {std::string("1,2\0,0", 6), "FILE:3: a NUL byte"},
        {long_line, "FILE:3: a line of 1048577 bytes, at most 1048576 are read"},
    };
    for (const auto& [row, reason] : cases) {
        const std::string text = "p,q,class\n1,2,0\n" + row + "\n5,6,2\n";
        check_refused(parse_csv(text, "FILE", {.classes = 3, .malformed = MalformedRows::stop}), reason);
        const CsvData skipped = parse(text, {.classes = 3});
        BOOST_TEST(skipped.skipped.count == 1u);
        BOOST_TEST((skipped.skipped.latest.find(reason) != std::string::npos), skipped.skipped.latest);
        BOOST_TEST((skipped.data.values == Floats{1, 2, 5, 6}));
        BOOST_TEST((skipped.data.labels == Labels{0, 2}));
    }
}

BOOST_AUTO_TEST_CASE(the_latest_of_the_skipped_rows_is_remembered) {
    const CsvData data = parse("a,b\nx,0\n1,0\n2\n3,1\n,1\n");
    BOOST_TEST(data.skipped.count == 3u);
    BOOST_TEST(data.skipped.latest == "FILE:6: column \"a\": the value is missing");
    BOOST_TEST(data.data.size() == 2u);
    check_refused(parse_csv("a,b\nx,0\ny,0\n", "FILE", {}),
                  "none of its 2 rows is well-formed; the last: FILE:3:");
}

BOOST_AUTO_TEST_CASE(classes_are_given_or_as_many_as_the_labels_say) {
    BOOST_TEST(parse("a,b\n1,0\n1,4\n").data.target.size == 5u);
    BOOST_TEST(parse("a,b\n1,0\n").data.target.size == 2u);
    BOOST_TEST(parse("a,b\n1,0\n", {.classes = 7}).data.target.size == 7u);
    BOOST_TEST(parse("a,b\n1,65535\n").data.target.size == 65'536u);
    check_refused(parse_csv("a,b\n1,65536\n", "FILE", strict),
                  "label 65536 is not a whole number in 0..65535");
    check_refused(parse_csv("a,b\n1,0\n", "FILE", {.classes = 1}), "FILE: classes 1 is not in 2..65536");
    check_refused(parse_csv("a,b\n1,0\n", "FILE", {.classes = 65'537}), "FILE: classes 65537 is not");
}

BOOST_AUTO_TEST_CASE(what_is_no_table_at_all_is_refused) {
    check_refused(parse_csv("", "FILE", {}), "FILE: is empty");
    check_refused(parse_csv("\n\r\n \n", "FILE", {}), "FILE: is empty");
    check_refused(parse_csv("a,b\n", "FILE", {}), "FILE: holds no row");
    check_refused(parse_csv("a,b", "FILE", {}), "FILE: holds no row");
    check_refused(parse_csv(std::string_view("\xff\xfe"
                                             "a\0,\0b\0",
                                             8),
                            "FILE", {}),
                  "FILE: is UTF-16");
    check_refused(parse_csv("a\xc3,b\n1,0\n", "FILE", {}), "FILE:1: bytes that are not UTF-8");
    check_refused(parse_csv(std::string_view("PK\3\4\0,b\n1,0\n", 12), "FILE", {}), "FILE:1: a NUL byte");
    check_refused(parse_csv("a,\"b\n1,0\n", "FILE", {}), "FILE:1: a quotation mark is not closed");
    check_refused(parse_csv("a,b\n1,0\n", "FILE", {.delimiter = 'e'}),
                  "FILE: the delimiter \"e\" is none of");
    check_refused(parse_csv(std::string(csv_line_bytes_max + 1, 'a'), "FILE", {}),
                  "FILE:1: a line of 1048577 bytes");
    const std::string columns(csv_columns_max, ',');
    check_refused(parse_csv(columns + "\n1\n", "FILE", {}), "FILE:1: more than 65536 columns");
    const std::string widest = columns.substr(1);
    check_refused(parse_csv(widest + "\n" + widest + "\n", "FILE", {}), "none of its 1 rows is well-formed");
}

BOOST_AUTO_TEST_CASE(names_in_messages_are_short_and_safe_to_print) {
    BOOST_TEST(excerpt("a\tb\x7f") == "\"a?b?\"");
    BOOST_TEST(excerpt("Gr\xc3\xb6\xc3\x9f"
                       "e") ==
               "\"Gr\xc3\xb6\xc3\x9f"
               "e\"");
    BOOST_TEST(excerpt("\xc3(") == "\"?(\"");
    BOOST_TEST(excerpt(std::string(41, 'x')) == "\"" + std::string(40, 'x') + "...\"");
    BOOST_TEST(excerpt(std::string(39, 'x') + "\xc3\xb6") == "\"" + std::string(39, 'x') + "...\"");
}

BOOST_AUTO_TEST_CASE(utf8_is_told_from_what_only_looks_like_it) {
    for (const char* text :
         {"", "abc", "\xc3\xb6", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
        BOOST_TEST(is_utf8(text), text);
    for (const char* text :
         {"\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe2\x82", "\xe0\x80\xaf", "\xed\xa0\x80",
          "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc3("})
        BOOST_TEST(!is_utf8(text), text);
}

BOOST_AUTO_TEST_CASE(rows_that_are_pushed_have_the_columns_of_the_training_data) {
    const CsvParser parser = unwrap(CsvParser::create(2, {.classes = 3}));
    const CsvData rows = unwrap(parser.parse_rows("1,2,0\n3,4,2\n5,x,1\n", "push", 10));
    BOOST_TEST((rows.data.values == Floats{1, 2, 3, 4}));
    BOOST_TEST((rows.data.labels == Labels{0, 2}));
    BOOST_TEST((rows.data.target == class_target(3)));
    BOOST_TEST(rows.skipped.latest == "push:12: column 1: \"x\" is not a number");
    check_refused(parser.parse_rows("", "push"), "push: holds no row");
    Dataset data = rows.data;
    BOOST_TEST(!parser.parse_row("7,8,3", data).has_value());
    BOOST_TEST(!parser.parse_row("7,8", data).has_value());
    BOOST_TEST((data.values == rows.data.values));  // a refused row leaves nothing behind
    BOOST_TEST((data.labels == rows.data.labels));
    BOOST_TEST(parser.parse_row("7,8,1", data).has_value());
    BOOST_TEST((data.values == Floats{1, 2, 3, 4, 7, 8}));
    check_refused(CsvParser::create(csv_columns_max, {}), "65536 features");
    check_refused(CsvParser::create(0, {}), "1 columns");
}

BOOST_AUTO_TEST_CASE(a_pushed_header_must_be_that_of_the_training_data) {
    const CsvParser parser = unwrap(CsvParser::create(CsvColumns{{"a", "b", "y"}, 3, 2}, {}));
    BOOST_TEST(is_csv_header("a,b,y"));
    BOOST_TEST(!is_csv_header("a,1,y"));
    BOOST_TEST(parser.check_header("a,\"b\", y").has_value());
    check_refused(parser.check_header("b,a,y"), "column 0 is called \"b\", expected \"a\"");
    check_refused(parser.check_header("a,b"), "2 fields in the header, expected 3");
    BOOST_TEST(unwrap(CsvParser::create(2, {})).check_header("p,q,r").has_value());
}

BOOST_AUTO_TEST_CASE(rows_to_predict_for_have_no_target) {
    const CsvParser parser = unwrap(CsvParser::create(CsvColumns{{"a", "y", "b"}, 3, 1}, {}));
    const CsvFeatures rows = unwrap(parser.parse_feature_rows("1,2\n3,4\n5\n", "rows"));
    BOOST_TEST((rows.values == Floats{1, 2, 3, 4}));
    BOOST_TEST(rows.rows == 2u);
    BOOST_TEST(rows.skipped.latest == "rows:3: 1 field, expected 2");
    check_refused(parser.parse_feature_rows("1,0,2\n", "rows"), "3 fields, expected 2");
    check_refused(parser.parse_feature_rows("1,z\n", "rows"), "column \"b\": \"z\" is not a number");
    check_refused(parser.parse_feature_rows("", "rows"), "rows: holds no row");
    Floats values{9};
    BOOST_TEST(!parser.parse_feature_row("1,", values).has_value());
    BOOST_TEST(parser.parse_feature_row("1,2", values).has_value());
    BOOST_TEST((values == Floats{9, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_header_over_rows_to_predict_for_says_which_column_is_which) {
    const CsvParser parser = unwrap(CsvParser::create(CsvColumns{{"a", "y", "b"}, 3, 1}, {}));
    const CsvFeatures rows = unwrap(parser.parse_feature_rows("b,a\n1,2\n3,4\n", "rows"));
    BOOST_TEST((rows.values == Floats{2, 1, 4, 3}));
    const CsvFeatures with_target =
        unwrap(parser.parse_feature_rows("\xef\xbb\xbf"
                                         "a,y,b\n1,?,2\n",
                                         "rows"));
    BOOST_TEST((with_target.values == Floats{1, 2}));  // the target may say anything
    check_refused(parser.parse_feature_rows("a,c\n1,2\n", "rows"),
                  "rows:1: there is no column \"c\" in the training data");
    check_refused(parser.parse_feature_rows("a,y\n1,2\n", "rows"),
                  "rows:1: column \"b\" is missing in the header");
    check_refused(parser.parse_feature_rows("a,b,a\n1,2,3\n", "rows"), "rows:1: column \"a\" is there twice");
    const CsvParser nameless = unwrap(CsvParser::create(2, {}));
    BOOST_TEST((unwrap(nameless.parse_feature_rows("p,q\n1,2\n", "rows")).values == Floats{1, 2}));
    check_refused(nameless.parse_feature_rows("p,q,r\n1,2,3\n", "rows"),
                  "a header of 3 fields, but there are 2 features");
}

BOOST_AUTO_TEST_CASE(files_are_read_plain_and_gzip_and_damage_is_noticed) {
    const Folder folder;
    const Bytes text = bytes_of("a,b\n1,0\n2,1\n");
    folder.write("rows.csv", text);
    folder.write("rows.csv.gz", gzip(text));
    BOOST_TEST((unwrap(load_csv(folder.path() / "rows.csv", strict)).data.values == Floats{1, 2}));
    BOOST_TEST((unwrap(load_csv(folder.path() / "rows.csv.gz", strict)).data.values == Floats{1, 2}));
    Bytes truncated = gzip(text);
    truncated.resize(truncated.size() - 5);
    folder.write("cut.csv.gz", truncated);
    folder.write("plain.csv.gz", text);
    check_refused(load_csv(folder.path() / "cut.csv.gz", {}), "cut.csv.gz: the gzip data ends too early");
    check_refused(load_csv(folder.path() / "plain.csv.gz", {}),
                  "plain.csv.gz: is not gzip though its name says so");
    check_refused(load_csv(folder.path() / "nowhere.csv", {}), "nowhere.csv: cannot be read");
    check_refused(load_csv(folder.path(), {}), "cannot be read");
    std::filesystem::resize_file(folder.path() / "rows.csv", csv_file_bytes_max + 1);  // a hole, no bytes
    check_refused(load_csv(folder.path() / "rows.csv", {}),
                  "268435457 bytes, more than the 268435456 that are read");
}

BOOST_AUTO_TEST_CASE(many_rows_agree_with_what_was_written) {
    RandomStream random(3);
    std::string text = "x,y,label\n";
    Floats values;
    Labels labels;
    for (int row = 0; row < 5'000; ++row) {
        for (int column = 0; column < 2; ++column) {
            values.push_back(static_cast<float>(random.uniform(-1e3, 1e3)));
            char field[32];
            std::snprintf(field, sizeof field, "%.9g,", static_cast<double>(values.back()));
            text += field;
        }
        labels.push_back(random.below(4));
        text += std::to_string(labels.back()) + "\n";
    }
    const CsvData data = parse(text, strict);
    BOOST_TEST((data.data.values == values));
    BOOST_TEST((data.data.labels == labels));
}
