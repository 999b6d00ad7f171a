// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/splits.hpp>

#include <algorithm>
#include <map>
#include <set>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Data {
  std::vector<index_t> groups;
  std::vector<label_t> labels;
};

/// Groups of 1 to 9 samples with classes of very different frequency.
Data draw_data(std::uint64_t seed, index_t groups, index_t classes) {
  const KeyedRandom random(seed, Purpose::order);
  Data data;
  index_t draw = 0;
  for (index_t g = 0; g < groups; ++g) {
    const index_t size = 1 + random.below(draw++, 9);
    for (index_t i = 0; i < size; ++i) {
      const double u = random.uniform(draw++);
      data.groups.push_back(1000 - 7 * g);
      data.labels.push_back(static_cast<label_t>(u * u * static_cast<double>(classes)));
    }
  }
  return data;
}

template <class T>
bool groups_are_whole(const std::vector<index_t>& groups, const std::vector<T>& part) {
  std::map<index_t, std::set<T>> seen;
  for (std::size_t i = 0; i < groups.size(); ++i)
    seen[groups[i]].insert(part[i]);
  return std::all_of(seen.begin(), seen.end(), [](const auto& s) { return s.second.size() == 1; });
}

}  // namespace

TEST_CASE("Folds never split a group and every class is in the training part of every fold") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const index_t classes = 2 + static_cast<index_t>(seed % 4);
    const Data data = draw_data(seed, 12 + static_cast<index_t>(seed), classes);
    CAPTURE(seed);
    const auto folds = grouped_folds(data.groups, data.labels, classes, 5, seed, 3);
    REQUIRE(folds.size() == data.groups.size());
    CHECK(groups_are_whole(data.groups, folds));
    CHECK(*std::min_element(folds.begin(), folds.end()) == 0);
    CHECK(*std::max_element(folds.begin(), folds.end()) == 4);
    for (label_t k = 0; k < classes; ++k) {
      std::set<index_t> groups;
      std::set<index_t> where;
      for (std::size_t i = 0; i < folds.size(); ++i) {
        if (data.labels[i] != k) continue;
        groups.insert(data.groups[i]);
        where.insert(folds[i]);
      }
      if (groups.size() >= 2) CHECK(where.size() >= 2);
    }
  }
}

TEST_CASE("Folds of single samples spread each class as evenly as it goes") {
  std::vector<index_t> groups;
  std::vector<label_t> labels;
  for (index_t i = 0; i < 35; ++i) {
    groups.push_back(i);
    labels.push_back(i < 10 ? 1 : 0);
  }
  const auto folds = grouped_folds(groups, labels, 2, 5, 11, 0);
  for (index_t f = 0; f < 5; ++f) {
    index_t ones = 0;
    index_t zeros = 0;
    for (std::size_t i = 0; i < folds.size(); ++i) {
      if (folds[i] == f) ++(labels[i] == 1 ? ones : zeros);
    }
    CHECK(ones == 2);
    CHECK(zeros == 5);
  }
}

TEST_CASE("Folds depend on the samples, the seed and the round, not on the order of the samples") {
  Data data = draw_data(5, 30, 3);
  const auto folds = grouped_folds(data.groups, data.labels, 3, 4, 7, 2);
  CHECK(folds == grouped_folds(data.groups, data.labels, 3, 4, 7, 2));
  CHECK(folds != grouped_folds(data.groups, data.labels, 3, 4, 8, 2));
  CHECK(folds != grouped_folds(data.groups, data.labels, 3, 4, 7, 3));
  std::reverse(data.groups.begin(), data.groups.end());
  std::reverse(data.labels.begin(), data.labels.end());
  auto back = grouped_folds(data.groups, data.labels, 3, 4, 7, 2);
  std::reverse(back.begin(), back.end());
  CHECK(folds == back);
}

TEST_CASE("There are never more folds than groups") {
  const std::vector<index_t> groups = {4, 4, 9, 9};
  const std::vector<label_t> labels = {0, 1, 0, 1};
  const auto two = grouped_folds(groups, labels, 2, 5, 0, 0);
  CHECK(two[0] == two[1]);
  CHECK(two[2] == two[3]);
  CHECK(two[0] + two[2] == 1);
  const std::vector<index_t> same(4, 2);
  CHECK(grouped_folds(same, labels, 2, 5, 0, 0) == std::vector<index_t>(4, 0));
  CHECK(grouped_folds({}, {}, 2, 5, 0, 0).empty());
}

TEST_CASE("The test split keeps groups whole, classes on both sides and the share asked for") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const index_t classes = 2 + static_cast<index_t>(seed % 3);
    const double share = 0.15 + 0.1 * static_cast<double>(seed % 5);
    const Data data = draw_data(seed + 100, 40, classes);
    CAPTURE(seed, share);
    const auto test = grouped_test_split(data.groups, data.labels, classes, share, seed);
    CHECK(groups_are_whole(data.groups, test));
    for (label_t k = 0; k < classes; ++k) {
      double all = 0;
      double in_test = 0;
      for (std::size_t i = 0; i < test.size(); ++i) {
        if (data.labels[i] != k) continue;
        all += 1;
        in_test += test[i];
      }
      CHECK(in_test > 0);
      CHECK(in_test < all);
    }
    const auto count = std::count(test.begin(), test.end(), std::uint8_t{1});
    CHECK(static_cast<double>(count) / static_cast<double>(test.size()) ==
          Catch::Approx(share).margin(0.06));
  }
}

TEST_CASE("Another seed gives another test split") {
  const Data data = draw_data(9, 60, 2);
  const auto first = grouped_test_split(data.groups, data.labels, 2, 0.3, 1);
  CHECK(first == grouped_test_split(data.groups, data.labels, 2, 0.3, 1));
  CHECK(first != grouped_test_split(data.groups, data.labels, 2, 0.3, 2));
}

TEST_CASE("A small test share still gets every class") {
  std::vector<index_t> groups;
  std::vector<label_t> labels;
  for (index_t i = 0; i < 100; ++i) {
    groups.push_back(i);
    labels.push_back(i < 3 ? 1 : 0);
  }
  const auto test = grouped_test_split(groups, labels, 2, 0.02, 5);
  CHECK(test[0] + test[1] + test[2] >= 1);
  CHECK(test[0] + test[1] + test[2] <= 2);
}

TEST_CASE("Unlabelled samples are shared out too") {
  std::vector<index_t> groups;
  std::vector<label_t> labels;
  for (index_t i = 0; i < 60; ++i) {
    groups.push_back(i);
    labels.push_back(i < 40 ? kUnlabelled : static_cast<label_t>(i % 2));
  }
  const auto test = grouped_test_split(groups, labels, 2, 0.25, 5);
  CHECK(std::count(test.begin(), test.begin() + 40, std::uint8_t{1}) == 10);
}

TEST_CASE("Splits that cannot be made are refused by name") {
  const std::vector<label_t> labels = {0, 1, 0, 1};
  const std::vector<index_t> one = {3, 3, 3, 3};
  CHECK_THROWS_WITH(grouped_test_split(one, labels, 2, 0.5, 0),
                    ContainsSubstring("at least 2 groups"));
  const std::vector<index_t> lone = {1, 2, 3, 2};  // class 1 in group 2 only
  CHECK_THROWS_WITH(grouped_test_split(lone, labels, 2, 0.5, 0), ContainsSubstring("class 1"));
  // Every class has two groups, and still no two sides can hold all three classes.
  const std::vector<index_t> triangle = {1, 2, 2, 3, 1, 3};
  const std::vector<label_t> edges = {0, 0, 1, 1, 2, 2};
  CHECK_THROWS_WITH(grouped_test_split(triangle, edges, 3, 0.5, 0), ContainsSubstring("class"));

  const std::vector<index_t> groups = {1, 2, 3, 4};
  CHECK_THROWS_AS(grouped_test_split(groups, labels, 2, 0, 0), ValueError);
  CHECK_THROWS_AS(grouped_test_split(groups, labels, 2, 1, 0), ValueError);
  CHECK_THROWS_AS(grouped_test_split(groups, labels, 2, std::nan(""), 0), ValueError);
  CHECK_THROWS_AS(grouped_test_split(groups, std::span(labels).first(3), 2, 0.5, 0), ShapeError);
  CHECK_THROWS_AS(grouped_folds(groups, labels, 2, 1, 0, 0), ValueError);
  CHECK_THROWS_AS(grouped_folds(groups, labels, 1, 2, 0, 0), ValueError);
}
