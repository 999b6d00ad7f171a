// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/csv.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::message_of;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
using Fields = std::vector<std::string>;

TEST_CASE("a plain table", "[csv]") {
  const io::CsvTable table = io::parse_csv("a,b\n1,2\n3,\n", "t.csv");
  CHECK(table.header == Fields{"a", "b"});
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].fields == Fields{"1", "2"});
  CHECK(table.rows[0].line == 2);
  CHECK(table.rows[1].fields == Fields{"3", ""});
  CHECK(table.column("b") == 1U);
  CHECK_FALSE(table.column("c"));
}

TEST_CASE("quoted fields hold commas, quotes and line ends", "[csv]") {
  const io::CsvTable table =
      io::parse_csv("a,\"b,c\"\n\"x \"\"y\"\"\",\"two\nlines\"\n\"\",\"z\"\n", "t.csv");
  CHECK(table.header == Fields{"a", "b,c"});
  CHECK(table.rows[0].fields == Fields{"x \"y\"", "two\nlines"});
  CHECK(table.rows[1].fields == Fields{"", "z"});
  CHECK(table.rows[1].line == 4);  // the record before it spans two lines
}

TEST_CASE("CRLF, byte-order mark, blank lines and a missing last line end", "[csv]") {
  const io::CsvTable table =
      io::parse_csv("\xEF\xBB\xBFpath,label\r\n\r\nx,1\r\n\n\"q\",2", "t.csv");
  CHECK(table.header == Fields{"path", "label"});
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].fields == Fields{"x", "1"});
  CHECK(table.rows[0].line == 3);
  CHECK(table.rows[1].fields == Fields{"q", "2"});
  CHECK(table.rows[1].line == 5);
  CHECK(io::parse_csv("a,b\n1,", "t.csv").rows[0].fields == Fields{"1", ""});
  CHECK(io::parse_csv("a\n\"\"\n", "t.csv").rows[0].fields == Fields{""});
}

TEST_CASE("damaged tables are refused with their line", "[csv]") {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c :
       {Case{"", "is empty"}, Case{"\n\n", "is empty"},
        Case{"a,b\n1\n", "line 2: expected 2 fields"},
        Case{"a,b\n1,2\n1,2,3\n", "line 3: expected 2 fields"},
        Case{"a,b,a\n", "two columns named \"a\""},
        Case{"a,b\n1,\"2\n3,4\n", "line 2: the quote that starts here"},
        Case{"a,b\n1,2\"x\"\n", "line 2: a quote inside a field"},
        Case{"a,b\n1,\"2\"x\n", "line 2: text after a closing quote"},
        Case{"a,b\r1,2\r", "line 1: a carriage return"}, Case{"\xFF\xFE\x61", "UTF-16"}}) {
    INFO(c.text);
    const std::string message = message_of<IoError>([&] { (void)io::parse_csv(c.text, "t.csv"); });
    CHECK_THAT(message, ContainsSubstring("t.csv") && ContainsSubstring(c.message));
  }
}

TEST_CASE("fields are quoted when they need it, and only then", "[csv]") {
  CHECK(io::csv_field("plain text") == "plain text");
  CHECK(io::csv_field("a,b") == "\"a,b\"");
  CHECK(io::csv_field("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(io::csv_field("two\nlines") == "\"two\nlines\"");
  CHECK(io::csv_field(" x") == "\" x\"");
  CHECK(io::csv_line(Fields{"a", "", "c"}) == "a,,c\n");
  CHECK(io::csv_line(Fields{""}) == "\"\"\n");
}

TEST_CASE("whatever is written reads back", "[csv]") {
  const KeyedRandom random(11, Purpose::test);
  const std::string alphabet = "ab,\"\r\n ;\xC3\xA9";
  index_t draw = 0;
  for (int round = 0; round < 300; ++round) {
    const auto columns = static_cast<std::size_t>(1 + random.below(draw++, 4));
    Fields header;
    for (std::size_t c = 0; c < columns; ++c)
      header.push_back("column " + std::to_string(c));
    std::string text = io::csv_line(header);
    std::vector<Fields> written;
    const index_t rows = random.below(draw++, 6);
    for (index_t r = 0; r < rows; ++r) {
      Fields fields(columns);
      for (std::string& field : fields) {
        const index_t length = random.below(draw++, 6);
        for (index_t i = 0; i < length; ++i) {
          field += alphabet[static_cast<std::size_t>(
              random.below(draw++, static_cast<index_t>(alphabet.size())))];
        }
      }
      text += io::csv_line(fields);
      written.push_back(fields);
    }
    const io::CsvTable table = io::parse_csv(text, "t.csv");
    REQUIRE(table.header == header);
    REQUIRE(table.rows.size() == written.size());
    for (std::size_t r = 0; r < written.size(); ++r)
      REQUIRE(table.rows[r].fields == written[r]);
  }
}

TEST_CASE("a table is read from a file", "[csv]") {
  const TempDir dir;
  CHECK(io::read_csv(dir.write("t.csv", "a\n1\n")).rows.size() == 1);
  CHECK_THAT(message_of<IoError>([&] { (void)io::read_csv(dir / "none.csv"); }),
             ContainsSubstring("none.csv"));
}
