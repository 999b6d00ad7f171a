// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <string>

#include <aift/core/error.hpp>
#include <aift/ct/candidates.hpp>
#include <aift/io/atomic_file.hpp>

#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::ct;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string kHead = "candidate_id,volume,x,y,z\n";

}  // namespace

TEST_CASE("a list of candidates is written and read the same") {
  const test::TempDir dir;
  std::vector<Candidate> list(2);
  list[0] = {"c1", "a, b.nii", {1.5, -2.25, 1e-3}, "embolus", "2", "p1", "pool", 0.75, 12.5, 61};
  list[1] = {"c2", "a, b.nii", {-100, 0.1, 7}, "other", "", "p1", "test", 0.5, 3, 40};
  write_candidates(dir.path() / "c.csv", list);
  const auto again = read_candidates(dir.path() / "c.csv");
  REQUIRE(again.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(again[i].id == list[i].id);
    CHECK(again[i].volume == list[i].volume);
    CHECK(again[i].position == list[i].position);
    CHECK(again[i].label == list[i].label);
    CHECK(again[i].embolus_id == list[i].embolus_id);
    CHECK(again[i].group == list[i].group);
    CHECK(again[i].split == list[i].split);
    CHECK(again[i].score == list[i].score);
    CHECK(again[i].mean_hu == list[i].mean_hu);
  }
}

TEST_CASE("lines that are no candidates are refused with their number") {
  const auto refused = [](const std::string& text, const std::string& why) {
    CHECK_THROWS_WITH(parse_candidates(text, "list"), ContainsSubstring(why));
  };
  refused("candidate_id,volume,x,y\n", "no column \"z\"");
  refused(kHead + "a,v,1,2,nan\n", "line 2: z must be a position");
  refused(kHead + "a,v,1,2,\n", "line 2: z must be");
  refused(kHead + "a,v,1,inf,3\n", "y must be");
  refused(kHead + "a,v,1,1e300,3\n", "y must be");
  refused(kHead + "a,v,1 mm,2,3\n", "x must be");
  refused(kHead + ",v,1,2,3\n", "must not be empty");
  refused(kHead + "a,,1,2,3\n", "must not be empty");
  refused(kHead + "a,v,1,2,3\na,v,4,5,6\n", "line 3: the candidate a of this volume");
  CHECK(parse_candidates(kHead + "a,v,1,2,3\na,w,4,5,6\n", "list").size() == 2);
  CHECK(parse_candidates(kHead, "list").empty());
}

TEST_CASE("a data set of candidates has one group and neighbouring ids per volume") {
  const test::TempDir dir;
  std::ofstream(dir.path() / "v.nii") << "not read";
  std::filesystem::create_directory(dir.path() / "w");
  const auto file = dir.path() / "c.csv";
  io::write_file_atomically(file, kHead.substr(0, kHead.size() - 1) +
                                      ",label\n1,v.nii,1,2,3,a\n2,w,4,5,6,b\n3,v.nii,7,8,9,b\n"
                                      "4,w,1,1,1,a\n");
  const io::Dataset data = io::read_dataset(file, {});
  CHECK(data.paths == std::vector<std::string>{"v.nii#1", "w#2", "v.nii#3", "w#4"});
  CHECK(data.volumes == std::vector<std::string>{"v.nii", "w", "v.nii", "w"});
  CHECK(data.group_names == std::vector<std::string>{"v.nii", "w"});
  CHECK(data.frames.empty());
  CHECK((data.ids[0] >> 24) == (data.ids[2] >> 24));
  CHECK((data.ids[0] >> 24) != (data.ids[1] >> 24));
  CHECK(data.file(1) == dir.path() / "w");
  CHECK(positions_of(data)[2] == Point{7, 8, 9});
  io::write_file_atomically(file, kHead + "1,gone.nii,1,2,3\n");
  CHECK_THROWS_WITH(io::read_dataset(file, {.require_trainable = false}),
                    ContainsSubstring("the volume gone.nii is not there"));
  io::write_file_atomically(file, kHead + "1,w,1,2,nan\n");
  CHECK_THROWS_WITH(positions_of(io::read_dataset(file, {.require_trainable = false})),
                    ContainsSubstring("w#1: z must be a position"));
  io::write_file_atomically(file, kHead + "1,w,1,2,3\n1,w,1,2,4\n");
  CHECK_THROWS_WITH(io::read_dataset(file, {.require_trainable = false}),
                    ContainsSubstring("is listed before"));
}
