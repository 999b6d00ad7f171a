// SPDX-License-Identifier: Apache-2.0
#include <aift/bench/task.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/npy.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/splits.hpp>

#include "src/bench/digest.hpp"
#include "src/bench/generated.hpp"

namespace aift::bench {

namespace {

// Sub-keys of Purpose::bench_task; 1 and 2 are those of generated tasks.
constexpr index_t kSizes = 3;
constexpr index_t kThinning = 4;
constexpr index_t kCopies = 5;
constexpr index_t kJitter = 6;
constexpr index_t kWrong = 7;

std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }

/// The candidates at `positions`.
Candidates part(const Candidates& all, const std::vector<index_t>& positions) {
  Candidates out;
  out.views = all.views;
  out.feature_size = all.feature_size;
  const index_t width = all.views * all.feature_size;
  out.features.reserve(positions.size() * at(width));
  for (const index_t i : positions) {
    const auto row = all.features.begin() + i * width;
    out.features.insert(out.features.end(), row, row + width);
    out.labels.push_back(all.labels[at(i)]);
    out.truth.push_back(all.truth[at(i)]);
    out.groups.push_back(all.groups[at(i)]);
    out.ids.push_back(all.ids[at(i)]);
    out.flags.push_back(all.flags[at(i)]);
  }
  return out;
}

/// `count` of the positions, drawn by (seed, ids), in the order they had.
std::vector<index_t> some(std::vector<index_t> positions, const Candidates& all, index_t count,
                          std::uint64_t seed, index_t use) {
  if (count >= static_cast<index_t>(positions.size())) return positions;
  const auto key = [&](index_t i) {
    return KeyedRandom(seed, Purpose::bench_task, use, all.ids[at(i)]).bits(0);
  };
  std::sort(positions.begin(), positions.end(),
            [&](index_t a, index_t b) { return key(a) < key(b); });
  positions.resize(at(count));
  std::sort(positions.begin(), positions.end());
  return positions;
}

/// Classes of n, ..., n / r candidates; n as large as the pool allows.
std::vector<index_t> thinned(const Candidates& pool, index_t classes, double ratio,
                             std::uint64_t seed) {
  std::vector<std::vector<index_t>> members(at(classes));
  for (index_t i = 0; i < pool.size(); ++i)
    members[at(pool.truth[at(i)])].push_back(i);
  const auto share = [&](std::size_t k) {
    return std::pow(ratio, -static_cast<double>(k) / static_cast<double>(classes - 1));
  };
  double largest = static_cast<double>(pool.size());
  for (std::size_t k = 0; k < members.size(); ++k)
    largest = std::min(largest, static_cast<double>(members[k].size()) / share(k));
  std::vector<index_t> out;
  for (std::size_t k = 0; k < members.size(); ++k) {
    const auto count = static_cast<index_t>(std::floor(largest * share(k) + 0.5));
    const auto kept = some(members[k], pool, std::max<index_t>(1, count), seed, kThinning);
    out.insert(out.end(), kept.begin(), kept.end());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void copy_some(Candidates& pool, double share, std::uint64_t seed) {
  const index_t n = pool.size();
  const auto copies = static_cast<index_t>(std::floor(share * static_cast<double>(n)));
  std::vector<index_t> everybody(at(n));
  std::iota(everybody.begin(), everybody.end(), index_t{0});
  const std::vector<index_t> replaced = some(everybody, pool, copies, seed, kCopies);
  std::vector<char> is_copy(at(n), 0);
  for (const index_t i : replaced)
    is_copy[at(i)] = 1;
  std::vector<index_t> originals;
  for (index_t i = 0; i < n; ++i) {
    if (is_copy[at(i)] == 0) originals.push_back(i);
  }
  const index_t d = pool.feature_size;
  const index_t rows = n * pool.views;
  std::vector<double> deviation(at(d), 0.0);
  for (index_t f = 0; f < d; ++f) {
    double sum = 0;
    double squares = 0;
    for (index_t r = 0; r < rows; ++r)
      sum += static_cast<double>(pool.features[at(r * d + f)]);
    const double mean = sum / static_cast<double>(rows);
    for (index_t r = 0; r < rows; ++r) {
      const double off = static_cast<double>(pool.features[at(r * d + f)]) - mean;
      squares += off * off;
    }
    deviation[at(f)] = std::sqrt(squares / static_cast<double>(rows));
  }
  for (const index_t i : replaced) {
    const KeyedRandom random(seed, Purpose::bench_task, kJitter, pool.ids[at(i)]);
    const index_t from = originals[at(random.below(0, static_cast<index_t>(originals.size())))];
    for (index_t e = 0; e < pool.views * d; ++e) {
      const double jitter = 0.05 * deviation[at(e % d)] * random.normal(e + 1);
      pool.features[at(i * pool.views * d + e)] = static_cast<float>(
          static_cast<double>(pool.features[at(from * pool.views * d + e)]) + jitter);
    }
    pool.labels[at(i)] = pool.labels[at(from)];
    pool.truth[at(i)] = pool.truth[at(from)];
    pool.groups[at(i)] = pool.groups[at(from)];
    pool.flags[at(i)] = static_cast<std::uint8_t>(pool.flags[at(from)] | kDuplicate);
  }
}

void mislabel(Candidates& pool, index_t classes, double chance, std::uint64_t seed) {
  for (index_t i = 0; i < pool.size(); ++i) {
    const KeyedRandom random(seed, Purpose::bench_task, kWrong, pool.ids[at(i)]);
    if (!(random.uniform(0) < chance)) continue;
    const auto other = static_cast<label_t>(random.below(1, classes - 1));
    pool.labels[at(i)] = other + (other >= pool.truth[at(i)] ? 1 : 0);
    pool.flags[at(i)] = static_cast<std::uint8_t>(pool.flags[at(i)] | kMislabelled);
  }
}

void expect_classes(const Candidates& side, const std::vector<std::string>& names,
                    const std::string& task, const char* which) {
  std::vector<char> seen(names.size(), 0);
  for (const label_t label : side.truth)
    seen[at(label)] = 1;
  for (std::size_t k = 0; k < names.size(); ++k) {
    AIFT_EXPECT(
        seen[k] != 0, ValueError,
        "Task \"{}\": the {} has no candidate of the class \"{}\"; raise its size or change "
        "test_share.",
        task, which, names[k]);
  }
}

}  // namespace

struct TaskSource::Files {
  std::vector<std::string> class_names;
  Candidates all;
  std::vector<std::uint8_t> test;  ///< [n]; empty: no split given
};

namespace {

/// Features of every candidate as float.
void read_features(const std::filesystem::path& file, Candidates& all, Digest& digest) {
  const io::NpyArray array = io::read_npy(file);
  array.expect_type(io::ElementType::f32);
  AIFT_EXPECT(array.rank() == 2 || array.rank() == 3, ShapeError,
              "{} must be [N, d] or [N, views, d]; got {}.", array.name, array.describe());
  AIFT_EXPECT(array.size() > 0, ShapeError, "{} holds nothing; got {}.", array.name,
              array.describe());
  all.views = array.rank() == 3 ? array.shape[1] : 1;
  all.feature_size = array.shape.back();
  const auto values = array.values<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    AIFT_EXPECT(std::isfinite(values[i]), ValueError, "{} must be finite; candidate {} has {}.",
                array.name, static_cast<index_t>(i) / (all.views * all.feature_size), values[i]);
  }
  all.features.assign(values.begin(), values.end());
  digest.add(std::as_bytes(values));
  for (const index_t extent : array.shape)
    digest.add(static_cast<std::uint64_t>(extent));
}

}  // namespace

TaskSource::TaskSource(TaskSpec spec) : spec_(std::move(spec)) {
  const std::string& name = spec_.name;
  AIFT_EXPECT(spec_.generate.empty() != spec_.features.empty(), ValueError,
              "Task \"{}\" needs either features, an .npy file, or generate, a generated task.",
              name);
  AIFT_EXPECT(spec_.imbalance >= 1 && std::isfinite(spec_.imbalance), ValueError,
              "Task \"{}\": imbalance must be at least 1; got {}.", name, spec_.imbalance);
  AIFT_EXPECT(spec_.label_noise >= 0 && spec_.label_noise < 1, ValueError,
              "Task \"{}\": label_noise must be in [0, 1); got {}.", name, spec_.label_noise);
  AIFT_EXPECT(spec_.duplicates >= 0 && spec_.duplicates < 1, ValueError,
              "Task \"{}\": duplicates must be in [0, 1); got {}.", name, spec_.duplicates);
  AIFT_EXPECT(spec_.pool >= 0 && spec_.test >= 0, ValueError,
              "Task \"{}\": pool and test must be at least 1, or 0 for all; got {} and {}.", name,
              spec_.pool, spec_.test);
  Digest digest;
  digest.add(std::string_view(spec_.generate));
  for (const double number :
       {spec_.test_share, spec_.imbalance, spec_.label_noise, spec_.duplicates,
        static_cast<double>(spec_.pool), static_cast<double>(spec_.test)})
    digest.add(std::string_view(io::shortest(number)));
  if (!spec_.generate.empty()) {
    spec_.synthetic = true;
    (void)detail::generate(spec_.generate, 0, 0, 0);  // refused at once
    digest_ = digest.value();
    return;
  }
  auto files = std::make_shared<Files>();
  Candidates& all = files->all;
  read_features(spec_.features, all, digest);
  const auto n = static_cast<index_t>(all.features.size()) / (all.views * all.feature_size);

  const io::CsvTable table = io::read_csv(spec_.candidates);
  const std::string file = spec_.candidates.string();
  const auto label = table.column("label");
  const auto group = table.column("group");
  const auto split = table.column("split");
  const auto number = table.column("candidate");
  AIFT_EXPECT(label, ValueError, "{} must have the column label.", file);
  AIFT_EXPECT(static_cast<index_t>(table.rows.size()) == n, ShapeError,
              "{} must have a line for each of the {} candidates of {}; got {}.", file, n,
              spec_.features.string(), table.rows.size());
  std::set<std::string> names;
  for (const io::CsvRow& row : table.rows) {
    AIFT_EXPECT(!row.fields[*label].empty(), ValueError,
                "{}, line {}: every candidate of a benchmark needs a label.", file, row.line);
    names.insert(row.fields[*label]);
  }
  files->class_names.assign(names.begin(), names.end());
  AIFT_EXPECT(names.size() >= 2, ValueError, "{} must have at least 2 classes; got {}.", file,
              names.size());
  std::vector<std::string> groups(at(n));
  std::vector<char> seen(at(n), 0);
  all.labels.assign(at(n), 0);
  if (split) files->test.assign(at(n), 0);
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const io::CsvRow& row = table.rows[r];
    index_t i = static_cast<index_t>(r);
    if (number) {
      const auto given = io::parse_integer(row.fields[*number]);
      AIFT_EXPECT(given && *given >= 0 && *given < n && seen[at(*given)] == 0, ValueError,
                  "{}, line {}: candidate must be 0 to {}, each once; got \"{}\".", file, row.line,
                  n - 1, row.fields[*number]);
      i = *given;
      seen[at(i)] = 1;
    }
    all.labels[at(i)] =
        static_cast<label_t>(std::distance(names.begin(), names.find(row.fields[*label])));
    groups[at(i)] = group && !row.fields[*group].empty() ? row.fields[*group]
                                                         : fmt::format("\n{}", i);  // of its own
    if (split) {
      const std::string& side = row.fields[*split];
      AIFT_EXPECT(side == "pool" || side == "test", ValueError,
                  "{}, line {}: split must be pool or test; got \"{}\".", file, row.line, side);
      files->test[at(i)] = side == "test" ? 1 : 0;
    }
    for (const std::string& text : row.fields)
      digest.add(std::string_view(text));
  }
  all.truth = all.labels;
  all.flags.assign(at(n), 0);
  std::map<std::string, index_t> group_numbers;
  for (index_t i = 0; i < n; ++i) {
    const auto next = static_cast<index_t>(group_numbers.size());
    all.groups.push_back(group_numbers.emplace(groups[at(i)], next).first->second);
    all.ids.push_back(static_cast<std::uint64_t>(i));
  }
  files_ = std::move(files);
  digest_ = digest.value();
}

TaskData TaskSource::draw(std::uint64_t seed) const {
  TaskData out;
  if (!spec_.generate.empty()) {
    out = detail::generate(spec_.generate, spec_.pool > 0 ? spec_.pool : 1000,
                           spec_.test > 0 ? spec_.test : 1000, seed);
  } else {
    const Candidates& all = files_->all;
    out.class_names = files_->class_names;
    std::vector<std::uint8_t> test = files_->test;
    if (test.empty())
      test = grouped_test_split(all.groups, all.labels, out.classes(), spec_.test_share, seed);
    std::vector<index_t> sides[2];
    for (index_t i = 0; i < all.size(); ++i)
      sides[test[at(i)]].push_back(i);
    const auto limited = [&](std::vector<index_t>& side, index_t most) {
      return part(all, most > 0 ? some(std::move(side), all, most, seed, kSizes) : side);
    };
    out.pool = limited(sides[0], spec_.pool);
    out.test = limited(sides[1], spec_.test);
  }
  expect_classes(out.pool, out.class_names, spec_.name, "pool");
  expect_classes(out.test, out.class_names, spec_.name, "test side");
  if (spec_.imbalance > 1)
    out.pool = part(out.pool, thinned(out.pool, out.classes(), spec_.imbalance, seed));
  if (spec_.duplicates > 0) copy_some(out.pool, spec_.duplicates, seed);
  if (spec_.label_noise > 0) mislabel(out.pool, out.classes(), spec_.label_noise, seed);
  detail::fill_mean_features(out.pool);
  return out;
}

}  // namespace aift::bench
