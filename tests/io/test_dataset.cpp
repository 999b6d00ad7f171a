// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/dataset.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::message_of;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;
using Names = std::vector<std::string>;

namespace {

/// A folder with a manifest of this text and an (empty) file for each name.
fs::path manifest(const TempDir& dir, const std::string& text, const Names& files) {
  for (const std::string& file : files)
    dir.write(file, "");
  return dir.write("manifest.csv", text);
}

}  // namespace

TEST_CASE("a manifest with all columns", "[dataset]") {
  const TempDir dir;
  const auto file = manifest(dir,
                             "site,path,label,group,split,x\n"
                             "A,p/1.png,polyp,g1,pool,7\n"
                             "B,p/2.png,polyp,g2,test,8\n"
                             "A,n/1.png,normal,g1,pool,9\n"
                             "B,n/2.png,normal,,test,\n",
                             {"p/1.png", "p/2.png", "n/1.png", "n/2.png"});
  const io::Dataset data = io::read_dataset(file);
  CHECK(data.size() == 4);
  CHECK(data.classes() == 2);
  CHECK(data.root == dir.path());
  CHECK(data.paths == Names{"p/1.png", "p/2.png", "n/1.png", "n/2.png"});
  CHECK(data.class_names == Names{"normal", "polyp"});
  CHECK(data.labels == std::vector<label_t>{1, 1, 0, 0});
  CHECK(data.groups == std::vector<index_t>{0, 1, 0, 2});
  CHECK(data.group_names == Names{"g1", "g2", "n/2.png"});
  CHECK(data.split == std::vector<std::uint8_t>{1, 2, 1, 2});
  CHECK(data.extra_columns == Names{"site", "x"});
  CHECK(data.extra[1] == Names{"B", "8"});
  CHECK(data.file(1) == dir / "p/2.png");
  CHECK(data.ref(1).index == 1);
  CHECK(data.ref(1).id == io::candidate_id("p/2.png"));
  CHECK(io::read_dataset(dir.path()).paths == data.paths);  // a folder with a manifest
}

TEST_CASE("labels may be missing, in part or everywhere", "[dataset]") {
  const TempDir dir;
  const Names files = {"1.png", "2.png", "3.png"};
  const io::Dataset bare = io::read_dataset(manifest(dir, "path\n1.png\n2.png\n3.png\n", files));
  CHECK(bare.labels == std::vector<label_t>(3, kUnlabelled));
  CHECK(bare.class_names.empty());
  CHECK(bare.group_names == files);
  CHECK(bare.split == std::vector<std::uint8_t>(3, 0));
  CHECK(bare.extra.empty());

  const io::Dataset partly =
      io::read_dataset(manifest(dir, "path,label\n1.png,b\n2.png,\n3.png,a\n", files));
  CHECK(partly.labels == std::vector<label_t>{1, kUnlabelled, 0});

  const auto one_known = manifest(dir, "path,label\n1.png,b\n2.png,\n3.png,\n", files);
  const io::Dataset named = io::read_dataset(one_known, {.classes = {"b", "c", "a"}});
  CHECK(named.labels == std::vector<label_t>{0, kUnlabelled, kUnlabelled});
  CHECK(named.class_names == Names{"b", "c", "a"});

  CHECK_THAT(message_of<ValueError>([&] {
               (void)io::read_dataset(one_known, {.classes = {"a", "b"}, .require_labels = true});
             }),
             ContainsSubstring("line 3: 2.png has no label"));
}

TEST_CASE("absolute paths, a column of empty splits and other words for the splits", "[dataset]") {
  const TempDir dir;
  const TempDir other;
  const auto far = other.write("far.png", "");
  const auto data = io::read_dataset(
      manifest(dir, "path,label,split\n" + far.string() + ",a,\n1.png,b,\n2.png,b,\n3.png,a,\n",
               {"1.png", "2.png", "3.png"}));
  CHECK(data.file(0) == far);
  CHECK(data.split == std::vector<std::uint8_t>(4, 0));
  const auto words = io::read_dataset(
      manifest(dir, "path,label,split\n1.png,a,train\n2.png,b,pool\n3.png,a,val\n", {}));
  CHECK(words.split == std::vector<std::uint8_t>{1, 1, 2});
}

TEST_CASE("a folder of class folders", "[dataset]") {
  const TempDir dir;
  for (const char* file :
       {"polyp/b.JPG", "polyp/a.png", "normal/deep/c.tiff", "normal/d.bmp", "normal/notes.txt",
        ".hidden/e.png", "normal/.f.png", "loose.jpeg", "normal/.g/h.png"}) {
    dir.write(file, "");
  }
  const Names expected = {"loose.jpeg", "normal/d.bmp", "normal/deep/c.tiff", "polyp/a.png",
                          "polyp/b.JPG"};
  for (const fs::path& folder : {dir.path(), dir.path() / ""}) {
    const io::Dataset data = io::read_dataset(folder);
    CHECK(data.paths == expected);
    CHECK(data.class_names == Names{"normal", "polyp"});
    CHECK(data.labels == std::vector<label_t>{kUnlabelled, 0, 0, 1, 1});
    CHECK(data.groups == std::vector<index_t>{0, 1, 2, 3, 4});
    CHECK(fs::equivalent(data.file(3), dir / "polyp/a.png"));
  }
  // The same files in a manifest are the same candidates.
  const auto listed = io::read_dataset(
      manifest(dir, "path,label\npolyp/a.png,polyp\nnormal/d.bmp,normal\nloose.jpeg,\n", {}));
  CHECK(listed.ids[0] == io::candidate_id("polyp/a.png"));
}

TEST_CASE("ids are stable numbers that keep apart what is apart", "[dataset]") {
  // FNV-1a of "" and "a" as its authors publish them, mixed by splitmix64.
  CHECK(io::candidate_id("") == splitmix64(0xCBF29CE484222325U));
  CHECK(io::candidate_id("a") == splitmix64(0xAF63DC4C8601EC8CU));
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 20'000; ++i) {
    seen.insert(io::candidate_id("polyp/" + std::to_string(i) + ".jpg"));
  }
  CHECK(seen.size() == 20'000);
}

TEST_CASE("manifests that cannot be right are refused with their line", "[dataset]") {
  const TempDir dir;
  const Names files = {"1.png", "2.png", "3.png", "4.png"};
  struct Case {
    const char* text;
    const char* message;
  };
  const std::string rest = "3.png,a\n4.png,b\n";
  for (const Case& c : {
           Case{"file,label\n1.png,a\n", "no column \"path\""},
           Case{"path;label\n1.png;a\n", "separate the columns with commas"},
           Case{"path,label\n", "lists no image"},
           Case{"", "is empty"},
           Case{"path,label\n1.png,a\n2.png,b\n1.png,b\n",
                "line 4: 1.png is listed before, on line 2"},
           Case{"path,label\n1.png,a\n2.png,b\n./1.png,b\n", "line 4: ./1.png is listed before"},
           Case{"path,label\n1.png,a\nnone.png,b\n", "line 3: none.png is not there"},
           Case{"path,label\n1.png,a\n,b\n", "line 3: the path is empty"},
           Case{"path,label\n1.png,a\n2.png\n", "line 3: expected 2 fields"},
           Case{"path,label,split\n1.png,a,pool\n2.png,b,later\n",
                "line 3: the split must be pool or test; got \"later\""},
           Case{"path,label,split\n1.png,a,pool\n2.png,b,\n", "line 3: the split is empty"},
           Case{"path,label,split\n1.png,a,pool\n2.png,b,test\n3.png,b,val\n",
                "line 4: the splits val and test"},
           Case{"path,label,group,split\n1.png,a,g,pool\n2.png,b,h,pool\n3.png,b,g,test\n",
                "line 4: group \"g\" is in the pool and in the test set"},
       }) {
    INFO(c.text);
    const auto file = manifest(dir, c.text, files);
    CHECK_THAT(message_of<IoError>([&] { (void)io::read_dataset(file); }),
               ContainsSubstring(c.message) && ContainsSubstring(file.string()));
  }
}

TEST_CASE("classes that nothing could be learnt of are refused", "[dataset]") {
  const TempDir dir;
  const Names files = {"1.png", "2.png", "3.png", "4.png", "5.png"};
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : {
           Case{"path,label\n1.png,a\n2.png,a\n", "one class only, \"a\""},
           Case{"path,label\n1.png,a\n2.png,\n", "one class only, \"a\""},
           Case{"path,label\n1.png,a\n2.png,a\n3.png,b\n", "the class \"b\" has one image"},
           Case{"path,label,group\n1.png,a,g\n2.png,a,h\n3.png,b,i\n4.png,b,i\n",
                "all 2 images of the class \"b\" are in one group"},
           Case{"path,label,split\n1.png,a,pool\n2.png,b,pool\n3.png,c,test\n4.png,a,test\n",
                "the label \"c\" is only in the test split"},
       }) {
    INFO(c.text);
    const auto file = manifest(dir, c.text, files);
    CHECK_THAT(message_of<ValueError>([&] { (void)io::read_dataset(file); }),
               ContainsSubstring(c.message));
  }
  // What is not labelled yet may well be of the class: nothing to refuse.
  CHECK(
      io::read_dataset(
          manifest(dir, "path,label,split\n1.png,a,pool\n2.png,,pool\n3.png,c,test\n4.png,a,test\n",
                   files))
          .classes() == 2);
  CHECK(io::read_dataset(manifest(dir, "path,label\n1.png,a\n2.png,b\n3.png,\n", files)).size() ==
        3);
  // One image of a class is enough where the manifest says on which side it is.
  CHECK(io::read_dataset(
            manifest(dir, "path,label,split\n1.png,a,pool\n2.png,b,pool\n3.png,a,test\n", files))
            .size() == 3);
}

TEST_CASE("named classes are checked against the labels", "[dataset]") {
  const TempDir dir;
  const auto file = manifest(dir, "path,label\n1.png,a\n2.png,x\n", {"1.png", "2.png"});
  CHECK_THAT(message_of<IoError>([&] {
               (void)io::read_dataset(file, {.classes = {"a", "b"}});
             }),
             ContainsSubstring("line 3: the label \"x\" is not one of the classes a, b"));
  CHECK_THAT(message_of<ValueError>([&] {
               (void)io::read_dataset(file, {.classes = {"a", "a"}});
             }),
             ContainsSubstring("\"a\" is named twice"));
  CHECK_THAT(message_of<ValueError>([&] {
               (void)io::read_dataset(file, {.classes = {"a", ""}});
             }),
             ContainsSubstring("needs a name"));
  const auto single = manifest(dir, "path,label\n1.png,\n2.png,\n", {});
  CHECK_THAT(message_of<ValueError>([&] { (void)io::read_dataset(single, {.classes = {"a"}}); }),
             ContainsSubstring("one class only"));
  const auto same = manifest(dir, "path,label\n1.png,a\n2.png,a\n", {});
  CHECK_THAT(message_of<ValueError>([&] {
               (void)io::read_dataset(same, {.classes = {"a", "b"}});
             }),
             ContainsSubstring("all 2 images have one label"));
}

TEST_CASE("folders without images are refused", "[dataset]") {
  const TempDir dir;
  CHECK_THAT(message_of<IoError>([&] { (void)io::read_dataset(dir.path()); }),
             ContainsSubstring("holds no images"));
  dir.write("a/readme.txt", "");
  CHECK_THAT(message_of<IoError>([&] { (void)io::read_dataset(dir.path()); }),
             ContainsSubstring("holds no images"));
  CHECK_THAT(message_of<IoError>([&] { (void)io::read_dataset(dir / "none"); }),
             ContainsSubstring("none is not there"));
  dir.write("a/1.png", "");
  dir.write("a/2.png", "");
  CHECK_THAT(message_of<ValueError>([&] { (void)io::read_dataset(dir.path()); }),
             ContainsSubstring("one class only, \"a\""));
  dir.write("b/1.png", "");
  CHECK_THAT(message_of<ValueError>([&] { (void)io::read_dataset(dir.path()); }),
             ContainsSubstring("the class \"b\" has one image"));
}

TEST_CASE("the shared data sets are read", "[dataset]") {
  const auto shared = test::shared_dir();
  if (!shared) return test::skip("no shared data (AIFT_SHARED_DIR)");
  for (const char* name : {"kvasir-seg-patches", "bccd-cells", "pneumoniamnist"}) {
    const fs::path folder = *shared / "data" / name;
    if (!fs::exists(folder)) continue;
    INFO(name);
    const io::Dataset data = io::read_dataset(folder, {.require_labels = true});
    CHECK(data.size() > 1000);
    CHECK(data.classes() >= 2);
    CHECK(data.extra.size() == data.paths.size());
  }
}

TEST_CASE("times and costs, when they are asked for", "[dataset]") {
  const TempDir dir;
  const Names files = {"1.png", "2.png", "3.png"};
  const auto file = manifest(dir,
                             "path,time,minutes,video\n"
                             "1.png,0.5,2,a\n2.png,,0,\n3.png,7,1.5,a\n",
                             files);
  CHECK(io::read_dataset(file).times.empty());
  CHECK(io::read_dataset(file).costs.empty());
  const io::Dataset data = io::read_dataset(file, {.times = true, .cost_column = "minutes"});
  CHECK(data.times[0] == 0.5);
  CHECK(std::isnan(data.times[1]));
  CHECK(data.times[2] == 7);
  CHECK(data.sequences == std::vector<index_t>{0, 1, 0});
  CHECK(data.costs == std::vector<double>{2, 0, 1.5});
  CHECK(data.extra_columns == Names{"time", "minutes", "video"});  // further columns all the same

  const auto refused = [&](const std::string& text, const io::DatasetOptions& options,
                           const std::string& sentence) {
    const auto other = manifest(dir, text, files);
    CHECK_THROWS_WITH(io::read_dataset(other, options), ContainsSubstring(sentence));
  };
  refused("path,when\n1.png,1\n", {.times = true}, "no column \"frame\" or \"time\"");
  refused("path,frame\n1.png,soon\n", {.times = true}, "line 2: the time must be a number");
  refused("path,cost\n1.png,1\n", {.cost_column = "price"}, "no column \"price\"");
  refused("path,cost\n1.png,\n", {.cost_column = "cost"}, "line 2: the cost must be a number");
  refused("path,cost\n1.png,-1\n", {.cost_column = "cost"}, "at least 0; got \"-1\"");

  // without a column for the video, times count in the group
  const auto grouped = manifest(dir, "path,group,frame\n1.png,g,3\n2.png,g,4\n3.png,h,5\n", files);
  CHECK(io::read_dataset(grouped, {.times = true}).sequences.empty());
  CHECK(io::read_dataset(grouped, {.times = true}).times == std::vector<double>{3, 4, 5});
}

TEST_CASE("in a folder, the number at the end of a name is the time", "[dataset]") {
  const TempDir dir;
  for (const char* name : {"p1/a_0001.png", "p1/a_0012.png", "p1/b_0003.png", "p2/a_0004.png",
                           "p2/cover.png", "p2/7.png"}) {
    dir.write(std::string("set/") + name, "");
  }
  const io::Dataset data = io::read_dataset(dir / "set", {.times = true});
  CHECK(data.paths == Names{"p1/a_0001.png", "p1/a_0012.png", "p1/b_0003.png", "p2/7.png",
                            "p2/a_0004.png", "p2/cover.png"});
  CHECK(std::vector<double>(data.times.begin(), data.times.end() - 1) ==
        std::vector<double>{1, 12, 3, 7, 4});
  CHECK(std::isnan(data.times[5]));
  CHECK(data.sequences == std::vector<index_t>{0, 0, 1, 2, 3, 4});
  CHECK_THROWS_WITH(io::read_dataset(dir / "set", {.cost_column = "cost"}),
                    ContainsSubstring("a folder without a manifest.csv"));
}
