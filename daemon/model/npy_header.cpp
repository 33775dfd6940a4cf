#include "daemon/model/npy_header.hpp"

#include <charconv>
#include <optional>

namespace parley::daemon {
namespace {

constexpr std::size_t type_bytes_max = 16;

// Steps over the text from left to right; every try_x takes what it names or leaves the place as it is.
class HeaderReader {
public:
    explicit HeaderReader(std::string_view text) : rest_(text) {}

    bool try_take(char wanted) {
        skip_blanks();
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool try_take_word(std::string_view wanted) {
        skip_blanks();
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(wanted.size());
        return true;
    }
    std::optional<std::string_view> try_take_string() {
        skip_blanks();
        if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
        const std::size_t end = rest_.find(rest_.front(), 1);
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view text = rest_.substr(1, end - 1);
        rest_.remove_prefix(end + 1);
        return text;
    }
    std::optional<std::size_t> try_take_size() {
        skip_blanks();
        std::size_t size = 0;
        const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
        if (code != std::errc{}) return std::nullopt;
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return size;
    }
    bool at_end() {
        skip_blanks();
        return rest_.empty();
    }

private:
    void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }

    std::string_view rest_;
};

std::unexpected<Error> malformed(const char* what) {
    return failure(std::string("its header is malformed: ") + what);
}

Result<NpyShape> read_shape(HeaderReader& reader) {
    NpyShape shape;
    if (!reader.try_take('(')) return malformed("the shape is no tuple");
    while (!reader.try_take(')')) {
        const auto size = reader.try_take_size();
        if (!size || shape.size() == npy_dimensions_max) return malformed("the shape is no tuple of sizes");
        shape.push_back(*size);
        if (reader.try_take(',')) continue;
        // (5) is a number in Python, and so no tuple.
        if (shape.size() == 1 || !reader.try_take(')')) return malformed("the shape is no tuple of sizes");
        break;
    }
    return shape;
}

struct Seen {
    bool type = false, order = false, shape = false;
};

Result<void> read_entry(HeaderReader& reader, NpyHeader& header, Seen& seen) {
    const auto key = reader.try_take_string();
    if (!key || !reader.try_take(':')) return malformed("it is no dictionary");
    if (*key == "descr" && !seen.type) {
        seen.type = true;
        const auto type = reader.try_take_string();
        if (!type || type->size() > type_bytes_max)
            return malformed("descr is not the name of a simple type");
        header.type = *type;
    } else if (*key == "fortran_order" && !seen.order) {
        seen.order = true;
        header.fortran_order = reader.try_take_word("True");
        if (!header.fortran_order && !reader.try_take_word("False"))
            return malformed("fortran_order is neither True nor False");
    } else if (*key == "shape" && !seen.shape) {
        seen.shape = true;
        auto shape = read_shape(reader);
        if (!shape) return std::unexpected(shape.error());
        header.shape = std::move(*shape);
    } else {
        return malformed("a key is unknown or there twice");
    }
    return {};
}

}  // namespace

Result<NpyHeader> parse_npy_header(std::string_view text) {
    HeaderReader reader(text);
    NpyHeader header;
    Seen seen;
    if (!reader.try_take('{')) return malformed("it is no dictionary");
    while (!reader.try_take('}')) {
        if (const auto read = read_entry(reader, header, seen); !read) return std::unexpected(read.error());
        if (reader.try_take(',')) continue;
        if (!reader.try_take('}')) return malformed("it is no dictionary");
        break;
    }
    if (!reader.at_end()) return malformed("something follows the dictionary");
    if (!seen.type || !seen.order || !seen.shape)
        return malformed("descr, fortran_order or shape is missing");
    return header;
}

}  // namespace parley::daemon
