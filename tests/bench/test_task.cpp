// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <aift/bench/task.hpp>
#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/npy.hpp>

#include "tests/support/temp_dir.hpp"

using namespace aift;
using namespace aift::bench;

namespace {

index_t flagged(const Candidates& side, CandidateFlag flag) {
  return std::count_if(side.flags.begin(), side.flags.end(),
                       [&](std::uint8_t flags) { return (flags & flag) != 0; });
}

std::map<label_t, index_t> class_sizes(const Candidates& side) {
  std::map<label_t, index_t> out;
  for (const label_t label : side.truth)
    ++out[label];
  return out;
}

/// 200 candidates of two views in 50 groups, classes "no" and "yes".
struct Files {
  test::TempDir folder;
  TaskSpec spec;
  Files() {
    const KeyedRandom random(1, Purpose::order);
    std::vector<float> features;
    std::string table = "candidate,label,group\n";
    for (index_t i = 0; i < 200; ++i) {
      for (index_t e = 0; e < 6; ++e)
        features.push_back(static_cast<float>(random.normal(i * 6 + e)));
      table += fmt::format("{},{},g{}\n", i, i % 4 == 0 ? "yes" : "no", i / 4);
    }
    const std::vector<index_t> shape = {200, 2, 3};
    io::write_npy<float>(folder.path() / "f.npy", features, shape);
    io::write_file_atomically(folder.path() / "c.csv", table);
    spec.name = "files";
    spec.features = folder.path() / "f.npy";
    spec.candidates = folder.path() / "c.csv";
  }
};

}  // namespace

TEST_CASE("every generated task can be drawn, and a seed fixes it") {
  for (const GeneratedTask& task : generated_tasks()) {
    INFO(task.name);
    TaskSpec spec;
    spec.name = spec.generate = task.name;
    spec.pool = spec.test = 300;
    const TaskSource source(spec);
    CHECK(source.spec().synthetic);
    const TaskData a = source.draw(1);
    CHECK(a.pool.size() == 300);
    CHECK(a.pool.features.size() ==
          static_cast<std::size_t>(300 * a.pool.views * a.pool.feature_size));
    CHECK(a.pool.mean_features.size() == static_cast<std::size_t>(300 * a.pool.feature_size));
    CHECK(a.pool.features == source.draw(1).pool.features);
    CHECK(a.pool.features != source.draw(2).pool.features);
    // The same candidates, however many are drawn.
    spec.pool = 310;
    const TaskData more = TaskSource(spec).draw(1);
    CHECK(std::equal(a.pool.features.begin(), a.pool.features.end(), more.pool.features.begin()));
  }
  TaskSpec none;
  none.name = none.generate = "no_such";
  CHECK_THROWS_WITH(TaskSource(none), Catch::Matchers::ContainsSubstring("noise_cluster"));
}

TEST_CASE("the noise cluster has the labels of a coin, and everybody else one that can be learnt") {
  TaskSpec spec;
  spec.name = spec.generate = "noise_cluster";
  spec.pool = 4000;
  const TaskData data = TaskSource(spec).draw(3);
  const index_t noisy = flagged(data.pool, kAmbiguous);
  CHECK(noisy > 900);
  CHECK(noisy < 1100);
  index_t nearest_right = 0;  // the class of the largest of the first four features of view 0
  for (index_t i = 0; i < 4000; ++i) {
    if (data.pool.flags[static_cast<std::size_t>(i)] != 0) continue;
    const float* x = data.pool.features.data() + i * data.pool.views * 16;
    nearest_right +=
        std::max_element(x, x + 4) - x == data.pool.truth[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  CHECK(static_cast<double>(nearest_right) / static_cast<double>(4000 - noisy) > 0.9);
}

TEST_CASE("the crowded boundary: two thirds around it, the others far away on either side") {
  TaskSpec spec;
  spec.name = spec.generate = "crowded_boundary";
  spec.pool = 3000;
  const TaskData data = TaskSource(spec).draw(3);
  index_t crowd = 0;
  index_t positive = 0;
  for (index_t i = 0; i < 3000; ++i) {
    const float* x = data.pool.features.data() + i * data.pool.views * 24;  // view 0
    const bool far = x[1] == 0 && x[2] == 0 && x[3] == 0;
    crowd += far ? 0 : 1;
    if (far) CHECK(std::abs(x[0]) >= 6);
    const label_t label = data.pool.truth[static_cast<std::size_t>(i)];
    positive += label;
    CHECK(label == (x[0] + 0.8F * (x[1] - x[2]) + 0.5F * x[3] > 0 ? 1 : 0));
  }
  CHECK(crowd > 1900);
  CHECK(crowd < 2100);
  CHECK(positive > 1300);
  CHECK(positive < 1700);
}

TEST_CASE("files: the split keeps groups whole, sizes and switches touch the pool alone") {
  const Files files;
  TaskSpec spec = files.spec;
  const TaskData plain = TaskSource(spec).draw(1);
  CHECK(plain.class_names == std::vector<std::string>{"no", "yes"});
  CHECK(plain.pool.size() + plain.test.size() == 200);
  const std::set<index_t> pool(plain.pool.groups.begin(), plain.pool.groups.end());
  for (const index_t group : plain.test.groups)
    CHECK_FALSE(pool.contains(group));
  CHECK(plain.pool.labels == plain.pool.truth);

  spec.imbalance = 10;
  spec.duplicates = 0.5;
  spec.label_noise = 0.25;
  const TaskData hard = TaskSource(spec).draw(1);
  CHECK(hard.test.features == plain.test.features);
  CHECK(hard.test.labels == plain.test.labels);
  auto sizes = class_sizes(hard.pool);
  CHECK(sizes[1] >= 1);
  CHECK(flagged(hard.pool, kDuplicate) == hard.pool.size() / 2);
  for (std::size_t i = 0; i < hard.pool.labels.size(); ++i) {
    const bool wrong = hard.pool.labels[i] != hard.pool.truth[i];
    CHECK(wrong == ((hard.pool.flags[i] & kMislabelled) != 0));
  }
  CHECK(flagged(hard.pool, kMislabelled) > 0);

  spec = files.spec;
  spec.imbalance = 10;
  sizes = class_sizes(TaskSource(spec).draw(1).pool);
  CHECK(static_cast<double>(sizes[0]) / static_cast<double>(sizes[1]) == Approx(10).margin(0.8));

  spec = files.spec;
  spec.pool = 30;
  spec.test = 20;
  const TaskData small = TaskSource(spec).draw(1);
  CHECK(small.pool.size() == 30);
  CHECK(small.test.size() == 20);
}

TEST_CASE("a given split is kept, and what is done to a task changes its digest") {
  const Files files;
  TaskSpec spec = files.spec;
  std::string table = "label,split\n";
  for (index_t i = 0; i < 200; ++i)
    table += fmt::format("{},{}\n", i % 2 == 0 ? "no" : "yes", i < 150 ? "pool" : "test");
  io::write_file_atomically(files.folder.path() / "split.csv", table);
  spec.candidates = files.folder.path() / "split.csv";
  const TaskSource source(spec);
  CHECK(source.draw(1).pool.size() == 150);
  CHECK(source.draw(1).pool.ids == source.draw(2).pool.ids);
  CHECK(source.digest() == TaskSource(spec).digest());
  CHECK(source.digest() != TaskSource(files.spec).digest());
  TaskSpec noisy = spec;
  noisy.label_noise = 0.1;
  CHECK(source.digest() != TaskSource(noisy).digest());
}

TEST_CASE("a task that cannot be is refused with its name") {
  const Files files;
  const auto refused = [&](const std::string& table, const std::string& expected) {
    io::write_file_atomically(files.folder.path() / "bad.csv", table);
    TaskSpec spec = files.spec;
    spec.candidates = files.folder.path() / "bad.csv";
    CHECK_THROWS_WITH(TaskSource(spec).draw(1), Catch::Matchers::ContainsSubstring(expected));
  };
  refused("label\na\nb\n", "must have a line for each of the 200 candidates");
  refused("class\na\n", "must have the column label");
  std::string one = "label\n";
  for (int i = 0; i < 200; ++i)
    one += "a\n";
  refused(one, "at least 2 classes");
  TaskSpec both = files.spec;
  both.generate = "outliers";
  CHECK_THROWS_WITH(TaskSource(both), Catch::Matchers::ContainsSubstring("either features"));
  TaskSpec noise = files.spec;
  noise.label_noise = 1;
  CHECK_THROWS_WITH(TaskSource(noise), Catch::Matchers::ContainsSubstring("label_noise"));
}
