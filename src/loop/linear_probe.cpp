// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/linear_probe.hpp>

#define EIGEN_DONT_PARALLELIZE  // one order of summation, whatever the program around us sets
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include <aift/core/error.hpp>
#include <aift/loop/metrics.hpp>
#include <aift/loop/splits.hpp>

namespace aift {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr index_t kHistory = 10;  // pairs that L-BFGS remembers

// ---------------------------------------------------------------- input

index_t rows_of(const ProbeData& data) { return static_cast<index_t>(data.labels.size()); }

void check(const ProbeData& data, const ProbeOptions& options) {
  const index_t n = rows_of(data);
  const index_t d = data.feature_size;
  AIFT_EXPECT(data.classes >= 2, ShapeError, "classes must be at least 2; got {}.", data.classes);
  AIFT_EXPECT(d >= 1, ShapeError, "feature_size must be at least 1; got {}.", d);
  AIFT_EXPECT(static_cast<index_t>(data.features.size()) == n * d, ShapeError,
              "features must be [{}, {}] for {} labels; got {} values.", n, d, n,
              data.features.size());
  AIFT_EXPECT(static_cast<index_t>(data.groups.size()) == n, ShapeError,
              "groups must have one entry per label, {}; got {}.", n, data.groups.size());
  AIFT_EXPECT(data.views >= 1 && n % data.views == 0, ShapeError,
              "The number of rows must be a multiple of views; got {} rows and {} views.", n,
              data.views);
  for (index_t i = 0; i < n; ++i) {
    AIFT_EXPECT(data.labels[i] >= 0 && data.labels[i] < data.classes, ValueError,
                "labels must lie in [0, {}); row {} has {}.", data.classes, i, data.labels[i]);
    const index_t first = i - i % data.views;
    AIFT_EXPECT(data.labels[i] == data.labels[first] && data.groups[i] == data.groups[first],
                ValueError,
                "The {} views of a candidate must agree in label and group; rows {} and {} do not.",
                data.views, first, i);
  }
  for (index_t i = 0; i < n * d; ++i) {
    AIFT_EXPECT(std::isfinite(data.features[i]), ValueError,
                "features must be finite; row {}, feature {} is {}.", i / d, i % d,
                data.features[i]);
  }
  AIFT_EXPECT(!options.l2_grid.empty(), ValueError, "l2_grid must hold at least one penalty.");
  const auto positive = [](double x) { return std::isfinite(x) && x > 0; };
  for (const double l2 : options.l2_grid) {
    AIFT_EXPECT(positive(l2), ValueError, "l2_grid must hold positive penalties; got {}.", l2);
  }
  AIFT_EXPECT(positive(options.default_l2), ValueError, "default_l2 must be positive; got {}.",
              options.default_l2);
  AIFT_EXPECT(options.folds >= 2, ValueError, "folds must be at least 2; got {}.", options.folds);
  AIFT_EXPECT(options.max_iterations >= 1 && options.cv_max_iterations >= 1, ValueError,
              "max_iterations must be at least 1; got {} and {}.", options.max_iterations,
              options.cv_max_iterations);
  AIFT_EXPECT(positive(options.tolerance) && positive(options.cv_tolerance), ValueError,
              "tolerance must be positive; got {} and {}.", options.tolerance,
              options.cv_tolerance);
}

/// The classes that occur, in ascending order.
std::vector<label_t> classes_that_occur(std::span<const label_t> labels) {
  const std::set<label_t> found(labels.begin(), labels.end());
  return {found.begin(), found.end()};
}

/// Weight of each row for the rows where use[i] != 0 (empty: all); the others get 0.
VectorXd row_weights(std::span<const label_t> labels, index_t classes, bool balance,
                     const std::vector<std::uint8_t>& use) {
  const auto n = static_cast<index_t>(labels.size());
  const auto used = [&](index_t i) { return use.empty() || use[i] != 0; };
  std::vector<index_t> count(classes);
  index_t all = 0;
  for (index_t i = 0; i < n; ++i) {
    if (!used(i)) continue;
    ++count[labels[i]];
    ++all;
  }
  const auto occurring = std::count_if(count.begin(), count.end(), [](index_t c) { return c > 0; });
  VectorXd w = VectorXd::Zero(n);
  for (index_t i = 0; i < n; ++i) {
    if (!used(i)) continue;
    w[i] = balance ? 1.0 / (static_cast<double>(occurring) * static_cast<double>(count[labels[i]]))
                   : 1.0 / static_cast<double>(all);
  }
  return w;
}

struct Standard {
  VectorXd mean;
  VectorXd inverse_scale;  ///< 0 for a feature that never varies
};

Standard standard_of(const ProbeData& data, bool standardise) {
  const index_t n = rows_of(data);
  const index_t d = data.feature_size;
  Standard out{VectorXd::Zero(d), VectorXd::Zero(d)};
  VectorXd square = VectorXd::Zero(d);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < d; ++j)
      out.mean[j] += data.features[i * d + j];
  }
  out.mean /= static_cast<double>(n);
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j < d; ++j) {
      const double centred = data.features[i * d + j] - out.mean[j];
      square[j] += centred * centred;
    }
  }
  square /= static_cast<double>(n);
  const double floor = 1e-3 * std::sqrt(square.mean());
  for (index_t j = 0; j < d; ++j) {
    if (!(square[j] > 0)) continue;
    out.inverse_scale[j] = standardise ? 1.0 / std::max(std::sqrt(square[j]), floor) : 1.0;
  }
  return out;
}

// ---------------------------------------------------------------- the space of solutions

/// Two doubles that are added lane by lane; the compiler maps them to what the machine has.
using Lanes = double __attribute__((vector_size(16)));

Lanes load(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// out[r + kRows c] = dot(column r of a, column c of b); columns are n apart.
template <int kRows, int kColumns>
void dots(const double* a, const double* b, index_t n, double* out) {
  Lanes sum[kRows][kColumns] = {};
  index_t i = 0;
  for (; i + 2 <= n; i += 2) {
    Lanes x[kRows];
    for (int r = 0; r < kRows; ++r)
      x[r] = load(a + r * n + i);
    for (int c = 0; c < kColumns; ++c) {
      const Lanes y = load(b + c * n + i);
      for (int r = 0; r < kRows; ++r)
        sum[r][c] += x[r] * y;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      double total = sum[r][c][0] + sum[r][c][1];
      if (i < n) total += a[r * n + i] * b[c * n + i];
      out[r + kRows * c] = total;
    }
  }
}

/// All columns of b with the columns [j, j + kRows) of m.
template <int kRows>
void dots_of_columns(const MatrixXd& m, index_t j, const MatrixXd& b, MatrixXd& out) {
  const index_t n = m.rows();
  const double* a = m.data() + j * n;
  double values[kRows * 5];
  for (index_t first = 0; first < b.cols();) {
    const double* p = b.data() + first * n;
    const auto width = std::min<index_t>(5, b.cols() - first);
    switch (width) {
      case 1:
        dots<kRows, 1>(a, p, n, values);
        break;
      case 2:
        dots<kRows, 2>(a, p, n, values);
        break;
      case 3:
        dots<kRows, 3>(a, p, n, values);
        break;
      case 4:
        dots<kRows, 4>(a, p, n, values);
        break;
      default:
        dots<kRows, 5>(a, p, n, values);
        break;
    }
    for (index_t c = 0; c < width; ++c) {
      for (int r = 0; r < kRows; ++r)
        out(j + r, first + c) = values[r + kRows * c];
    }
    first += width;
  }
}

/// m' * thin. Eigen's product packs m for every call, which takes as long as the product itself
/// when there are few columns (measured: half of a fit).
void transposed_times(const MatrixXd& m, const MatrixXd& thin, MatrixXd& out) {
  out.resize(m.cols(), thin.cols());
  index_t j = 0;
  for (; j + 2 <= m.cols(); j += 2)
    dots_of_columns<2>(m, j, thin, out);
  if (j < m.cols()) dots_of_columns<1>(m, j, thin, out);
}

/// Weights live in the span of the rows. With `dual` a vector of that space is given by one
/// coefficient per row, its scores are gram * coefficients, and <a, b> = a' gram b; otherwise by
/// one coefficient per feature, with the ordinary inner product.
struct Space {
  bool dual = false;
  MatrixXd rows;        ///< [n, d] standardised
  MatrixXd transposed;  ///< [d, n] when not dual
  MatrixXd gram;        ///< [n, n] when dual
  [[nodiscard]] index_t size() const { return dual ? gram.rows() : rows.cols(); }
};

Space make_space(const ProbeData& data, const Standard& standard) {
  const index_t n = rows_of(data);
  const index_t d = data.feature_size;
  Space space;
  space.dual = 2 * n <= 3 * d;  // n^2 operations per pass against 2 n d
  space.rows.resize(n, d);
  for (index_t j = 0; j < d; ++j) {
    for (index_t i = 0; i < n; ++i) {
      space.rows(i, j) = (data.features[i * d + j] - standard.mean[j]) * standard.inverse_scale[j];
    }
  }
  if (space.dual) {
    space.gram = MatrixXd::Zero(n, n);
    space.gram.selfadjointView<Eigen::Lower>().rankUpdate(space.rows);
    space.gram.triangularView<Eigen::StrictlyUpper>() = space.gram.transpose();
  } else {
    space.transposed = space.rows.transpose();
  }
  return space;
}

/// A point or direction: weights in coefficients, what they give as scores (dual only), and bias.
struct Vector {
  MatrixXd coefficients;  ///< [space.size(), columns]
  MatrixXd scores;        ///< [n, columns], without bias; dual only
  VectorXd bias;          ///< [columns]

  void set_zero(const Space& space, index_t columns) {
    coefficients = MatrixXd::Zero(space.size(), columns);
    if (space.dual) scores = MatrixXd::Zero(space.rows.rows(), columns);
    bias = VectorXd::Zero(columns);
  }
  void add(double factor, const Vector& other) {
    coefficients += factor * other.coefficients;
    if (other.scores.size() > 0) scores += factor * other.scores;
    bias += factor * other.bias;
  }
  void scale(double factor) {
    coefficients *= factor;
    scores *= factor;
    bias *= factor;
  }
};

double inner_weights(const Vector& a, const Vector& b) {
  return a.coefficients.cwiseProduct(b.scores.size() > 0 ? b.scores : b.coefficients).sum();
}
double inner(const Vector& a, const Vector& b) { return inner_weights(a, b) + a.bias.dot(b.bias); }

// ---------------------------------------------------------------- one problem

/// Value, slope and curvature along a line.
struct OnLine {
  double value = 0;
  double slope = 0;
  double curvature = 0;
};

/// One regression: a set of row weights and a penalty. Two classes need one column (the difference
/// of the logits, whose halves are the two weight vectors of least norm), more need one each.
class Problem {
 public:
  Problem(const Space& space, std::span<const label_t> labels, VectorXd weights, index_t classes)
      : space_(space),
        labels_(labels),
        weights_(std::move(weights)),
        columns_(classes == 2 ? 1 : classes),
        has_class_(classes) {
    for (index_t i = 0; i < rows(); ++i) {
      if (weights_[i] > 0) has_class_[labels_[i]] = 1;
    }
    x_.set_zero(space_, columns_);
    scores_ = MatrixXd::Zero(rows(), columns_);
  }

  [[nodiscard]] index_t columns() const { return columns_; }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool converged() const { return converged_; }
  [[nodiscard]] index_t iterations() const { return iterations_; }
  [[nodiscard]] const Vector& x() const { return x_; }
  /// Scores of all rows at the current point, bias included (weight 0 rows too).
  [[nodiscard]] const MatrixXd& scores() const { return scores_; }
  [[nodiscard]] bool has_class(index_t k) const { return has_class_[k] != 0; }
  [[nodiscard]] index_t class_count() const {
    return std::count(has_class_.begin(), has_class_.end(), std::uint8_t{1});
  }

  /// Sets penalty and accuracy; the search goes on from the point where it is.
  void start(double l2, double tolerance, index_t max_iterations) {
    penalty_ = columns_ == 1 ? l2 / 4 : l2 / 2;
    tolerance_ = tolerance;
    max_iterations_ = max_iterations;
    iterations_ = 0;
    done_ = converged_ = false;
    history_.clear();
    if (first_norm_ < 0) evaluate_residuals();
  }

  // The driver calls, in turn, for all problems at once: residuals -> set_gradient -> direction ->
  // (set_direction_scores) -> step -> residuals ...; the products between are done in one batch.

  /// Derivative of the loss by the scores, [n, columns].
  [[nodiscard]] const MatrixXd& residuals() const { return residuals_; }

  /// product: gram * residuals (dual) or rows' * residuals.
  void set_gradient(const Eigen::Ref<const MatrixXd>& product) {
    Vector g;
    g.coefficients = (2 * penalty_) * x_.coefficients;
    if (space_.dual) {
      g.coefficients += residuals_;
      g.scores = (2 * penalty_) * x_.scores + product;
    } else {
      g.coefficients += product;
    }
    g.bias = residuals_.colwise().sum().transpose();
    const double norm = std::sqrt(std::max(0.0, inner(g, g)));
    if (first_norm_ < 0) first_norm_ = norm;
    if (step_taken_ > 0) {
      // The step just taken becomes a pair of the history.
      Vector s = std::move(direction_);
      s.scale(step_taken_);
      Vector y = g;
      y.add(-1, gradient_);
      const double sy = inner(s, y);
      if (sy > 0) {
        const double yy = inner(y, y);
        if (static_cast<index_t>(history_.size()) == kHistory) history_.erase(history_.begin());
        history_.push_back({std::move(s), std::move(y), 1 / sy, yy > 0 ? sy / yy : 1});
      }
      step_taken_ = 0;
    }
    gradient_ = std::move(g);
    converged_ = norm <= tolerance_ * std::max(1.0, first_norm_);
    done_ = converged_ || iterations_ >= max_iterations_;
  }

  /// L-BFGS direction (two-loop recursion).
  void direction() {
    direction_ = gradient_;
    std::vector<double> alpha(history_.size());
    for (auto k = static_cast<index_t>(history_.size()) - 1; k >= 0; --k) {
      alpha[k] = history_[k].rho * inner(history_[k].s, direction_);
      direction_.add(-alpha[k], history_[k].y);
    }
    if (!history_.empty()) direction_.scale(history_.back().gamma);
    for (std::size_t k = 0; k < history_.size(); ++k) {
      const double beta = history_[k].rho * inner(history_[k].y, direction_);
      direction_.add(alpha[k] - beta, history_[k].s);
    }
    direction_.scale(-1);
  }
  [[nodiscard]] const MatrixXd& direction_coefficients() const { return direction_.coefficients; }

  /// product: rows * direction coefficients; not needed when dual, where it is known already.
  void set_direction_scores(const Eigen::Ref<const MatrixXd>& product) {
    direction_scores_ = product;
  }

  /// Goes along the direction to where the slope nearly vanishes.
  void step() {
    if (space_.dual) direction_scores_ = direction_.scores;
    direction_scores_.rowwise() += direction_.bias.transpose();
    xx_ = inner_weights(x_, x_);
    xp_ = inner_weights(x_, direction_);
    pp_ = inner_weights(direction_, direction_);
    const double t = search();
    if (!(t > 0)) {
      if (history_.empty()) {
        done_ = true;  // rounding leaves nothing to gain
      } else {
        history_.clear();  // once more, along the gradient
      }
      return;
    }
    x_.add(t, direction_);
    scores_ += t * direction_scores_;
    step_taken_ = t;
    ++iterations_;
    evaluate_residuals();
  }

 private:
  struct Pair {
    Vector s;
    Vector y;
    double rho;    ///< 1 / <s, y>
    double gamma;  ///< <s, y> / <y, y>
  };

  [[nodiscard]] index_t rows() const { return static_cast<index_t>(labels_.size()); }

  /// exp of the scores of a row minus their maximum, over the classes that have rows; the sum.
  double softmax_row(const double* score, double* out) const {
    double largest = -std::numeric_limits<double>::infinity();
    for (index_t k = 0; k < columns_; ++k) {
      if (has_class(k)) largest = std::max(largest, score[k]);
    }
    double sum = 0;
    for (index_t k = 0; k < columns_; ++k) {
      out[k] = has_class(k) ? std::exp(score[k] - largest) : 0;
      sum += out[k];
    }
    for (index_t k = 0; k < columns_; ++k)
      out[k] /= sum;
    return std::log(sum) + largest;
  }

  /// Sets residuals_ at scores_.
  void evaluate_residuals() {
    residuals_.resize(rows(), columns_);
    std::vector<double> score(columns_);
    std::vector<double> p(columns_);
    for (index_t i = 0; i < rows(); ++i) {
      const double w = weights_[i];
      if (w == 0) {
        residuals_.row(i).setZero();
        continue;
      }
      if (columns_ == 1) {
        residuals_(i, 0) = w * (1 / (1 + std::exp(-scores_(i, 0))) - (labels_[i] == 1 ? 1 : 0));
        continue;
      }
      for (index_t k = 0; k < columns_; ++k)
        score[k] = scores_(i, k);
      softmax_row(score.data(), p.data());
      for (index_t k = 0; k < columns_; ++k) {
        residuals_(i, k) = w * (p[k] - (labels_[i] == k ? 1 : 0));
      }
    }
  }

  [[nodiscard]] OnLine on_line(double t) const {
    OnLine out;
    std::vector<double> score(columns_);
    std::vector<double> p(columns_);
    for (index_t i = 0; i < rows(); ++i) {
      const double w = weights_[i];
      if (w == 0) continue;
      if (columns_ == 1) {
        // With z = the score in favour of the row's own class: loss ln(1 + exp(-z)).
        const double sign = labels_[i] == 1 ? 1 : -1;
        const double d = sign * direction_scores_(i, 0);
        const double z = sign * scores_(i, 0) + t * d;
        const double e = std::exp(-std::abs(z));
        const double miss = z >= 0 ? e / (1 + e) : 1 / (1 + e);
        out.value += w * (std::log1p(e) + std::max(-z, 0.0));
        out.slope -= w * miss * d;
        out.curvature += w * miss * (1 - miss) * d * d;
        continue;
      }
      for (index_t k = 0; k < columns_; ++k)
        score[k] = scores_(i, k) + t * direction_scores_(i, k);
      const double own = score[labels_[i]];
      out.value += w * (softmax_row(score.data(), p.data()) - own);
      double mean = 0;
      for (index_t k = 0; k < columns_; ++k)
        mean += p[k] * direction_scores_(i, k);
      double variance = 0;
      for (index_t k = 0; k < columns_; ++k) {
        const double centred = direction_scores_(i, k) - mean;
        variance += p[k] * centred * centred;
      }
      out.slope += w * (mean - direction_scores_(i, labels_[i]));
      out.curvature += w * variance;
    }
    out.value += penalty_ * (xx_ + t * (2 * xp_ + t * pp_));
    out.slope += 2 * penalty_ * (xp_ + t * pp_);
    out.curvature += 2 * penalty_ * pp_;
    return out;
  }

  /// A step with sufficient decrease and a slope of at most a tenth of the first (strong Wolfe):
  /// Newton's method on the convex function of one variable, kept within a bracket. 0: none found.
  [[nodiscard]] double search() const {
    const OnLine start = on_line(0);
    if (!(start.slope < 0)) return 0;
    double low = 0;
    double high = std::numeric_limits<double>::infinity();
    double t = history_.empty() && start.curvature > 0 ? -start.slope / start.curvature : 1;
    double downhill = 0;  // the best point seen that is certainly below the start
    for (int trial = 0; trial < 60 && t > 0 && std::isfinite(t); ++trial) {
      const OnLine here = on_line(t);
      const double allowance = 1e-15 * std::abs(start.value);
      const bool below = here.value <= start.value + 1e-4 * t * start.slope + allowance;
      if (below && std::abs(here.slope) <= 0.1 * std::abs(start.slope)) return t;
      if (here.slope < 0 && below) {
        low = downhill = t;
      } else {
        high = t;
      }
      double next = here.curvature > 0 ? t - here.slope / here.curvature : 2 * t;
      const bool inside = next > low && next < high;
      if (!inside) next = std::isfinite(high) ? 0.5 * (low + high) : 4 * t;
      if (next == t) break;
      t = next;
    }
    return downhill;
  }

  const Space& space_;
  std::span<const label_t> labels_;
  VectorXd weights_;
  index_t columns_;
  std::vector<std::uint8_t> has_class_;
  double penalty_ = 0;
  double tolerance_ = 0;
  double first_norm_ = -1;  ///< of the gradient at zero
  index_t max_iterations_ = 0;
  index_t iterations_ = 0;
  bool done_ = false;
  bool converged_ = false;
  Vector x_;
  Vector gradient_;
  Vector direction_;
  MatrixXd scores_;
  MatrixXd direction_scores_;
  MatrixXd residuals_;
  double step_taken_ = 0;
  double xx_ = 0;
  double xp_ = 0;
  double pp_ = 0;
  std::vector<Pair> history_;
};

/// Lets all problems walk in step, so that each pass over the matrix serves all of them.
void solve(const Space& space, const std::vector<Problem*>& problems) {
  const auto gather = [&](const std::vector<Problem*>& active, index_t size, auto&& columns_of) {
    index_t width = 0;
    for (const Problem* p : active)
      width += p->columns();
    MatrixXd all(size, width);
    index_t at = 0;
    for (const Problem* p : active) {
      all.middleCols(at, p->columns()) = columns_of(*p);
      at += p->columns();
    }
    return all;
  };
  std::vector<Problem*> active = problems;
  MatrixXd product;
  while (true) {
    std::erase_if(active, [](const Problem* p) { return p->done(); });
    if (active.empty()) return;
    const MatrixXd residuals = gather(
        active, space.rows.rows(), [](const Problem& p) -> auto& { return p.residuals(); });
    transposed_times(space.dual ? space.gram : space.rows, residuals, product);
    index_t at = 0;
    for (Problem* p : active) {
      p->set_gradient(product.middleCols(at, p->columns()));
      at += p->columns();
    }
    std::erase_if(active, [](const Problem* p) { return p->done(); });
    if (active.empty()) return;
    for (Problem* p : active)
      p->direction();
    if (!space.dual) {
      const MatrixXd directions = gather(
          active, space.rows.cols(),
          [](const Problem& p) -> auto& { return p.direction_coefficients(); });
      transposed_times(space.transposed, directions, product);
      at = 0;
      for (Problem* p : active) {
        p->set_direction_scores(product.middleCols(at, p->columns()));
        at += p->columns();
      }
    }
    for (Problem* p : active)
      p->step();
  }
}

// ---------------------------------------------------------------- choosing the penalty

/// Probability of its own class for a row, from a problem that may lack classes.
double own_probability(const Problem& problem, index_t row, label_t label) {
  const MatrixXd& scores = problem.scores();
  if (problem.columns() == 1) {
    const double z = label == 1 ? scores(row, 0) : -scores(row, 0);
    return 1 / (1 + std::exp(-z));
  }
  double largest = -std::numeric_limits<double>::infinity();
  for (index_t k = 0; k < problem.columns(); ++k) {
    if (problem.has_class(k)) largest = std::max(largest, scores(row, k));
  }
  double sum = 0;
  for (index_t k = 0; k < problem.columns(); ++k) {
    if (problem.has_class(k)) sum += std::exp(scores(row, k) - largest);
  }
  return std::exp(scores(row, label) - largest) / sum;
}

/// Mean held-out log loss for every penalty of the grid; empty when folds are impossible.
std::vector<double> cross_validate(const Space& space, const ProbeData& data,
                                   const std::vector<label_t>& labels, index_t classes,
                                   const ProbeOptions& options, const std::vector<double>& grid,
                                   std::uint64_t seed, index_t round) {
  std::vector<std::set<index_t>> groups_of(classes);
  for (std::size_t i = 0; i < labels.size(); ++i)
    groups_of[labels[i]].insert(data.groups[i]);
  const auto several = std::count_if(groups_of.begin(), groups_of.end(),
                                     [](const std::set<index_t>& g) { return g.size() >= 2; });
  if (several < 2) return {};

  const auto n = static_cast<index_t>(labels.size());
  const std::vector<index_t> fold =
      grouped_folds(data.groups, labels, classes, options.folds, seed, round);
  const index_t folds = *std::max_element(fold.begin(), fold.end()) + 1;

  std::vector<Problem> problems;
  problems.reserve(folds);
  std::vector<index_t> fold_of;
  std::vector<std::uint8_t> judged(n, 0);
  for (index_t f = 0; f < folds; ++f) {
    std::vector<std::uint8_t> train(n);
    for (index_t i = 0; i < n; ++i)
      train[i] = fold[i] != f ? 1 : 0;
    Problem problem(space, labels, row_weights(labels, classes, options.balance_classes, train),
                    classes);
    if (problem.class_count() < 2) continue;  // nothing to learn from
    for (index_t i = 0; i < n; ++i) {
      if (fold[i] == f && problem.has_class(labels[i])) judged[i] = 1;
    }
    problems.push_back(std::move(problem));
    fold_of.push_back(f);
  }
  if (std::find(judged.begin(), judged.end(), 1) == judged.end()) return {};
  const VectorXd weights = row_weights(labels, classes, options.balance_classes, judged);

  std::vector<double> losses;
  std::vector<Problem*> all;
  for (Problem& p : problems)
    all.push_back(&p);
  for (const double l2 : grid) {
    for (Problem* p : all)
      p->start(l2, options.cv_tolerance, options.cv_max_iterations);
    solve(space, all);
    double loss = 0;
    for (std::size_t k = 0; k < problems.size(); ++k) {
      for (index_t i = 0; i < n; i += data.views) {
        if (fold[i] != fold_of[k] || judged[i] == 0) continue;
        double p = 0;
        for (index_t v = 0; v < data.views; ++v) {
          p += own_probability(problems[k], i + v, labels[i]);
        }
        p /= static_cast<double>(data.views);
        loss -= weights[i] * static_cast<double>(data.views) * std::log(std::max(p, kLogLossClip));
      }
    }
    losses.push_back(loss);
  }
  return losses;
}

}  // namespace

void LinearProbe::logits(std::span<const float> values, index_t n, std::span<double> out) const {
  AIFT_EXPECT(n >= 0 && static_cast<index_t>(values.size()) == n * features, ShapeError,
              "features must be [{}, {}]; got {} values.", n, features, values.size());
  AIFT_EXPECT(static_cast<index_t>(out.size()) == n * classes, ShapeError,
              "out must be [{}, {}]; got {} values.", n, classes, out.size());
  for (index_t i = 0; i < n; ++i) {
    const float* row = values.data() + i * features;
    for (index_t k = 0; k < classes; ++k) {
      const double* w = weights.data() + k * features;
      double sum = bias[k];
      for (index_t j = 0; j < features; ++j)
        sum += w[j] * static_cast<double>(row[j]);
      out[i * classes + k] = sum;
    }
  }
}

LinearProbe fit_linear_probe(const ProbeData& data, const ProbeOptions& options, std::uint64_t seed,
                             index_t round) {
  check(data, options);
  const std::vector<label_t> occurring = classes_that_occur(data.labels);
  AIFT_EXPECT(occurring.size() >= 2, ValueError,
              "A probe needs labelled samples of at least 2 classes; got {}. Label more samples.",
              occurring.size());
  const index_t n = rows_of(data);
  const index_t d = data.feature_size;
  const auto classes = static_cast<index_t>(occurring.size());
  std::vector<label_t> labels(n);  // numbered among the classes that occur
  for (index_t i = 0; i < n; ++i) {
    labels[i] = static_cast<label_t>(
        std::lower_bound(occurring.begin(), occurring.end(), data.labels[i]) - occurring.begin());
  }

  const Standard standard = standard_of(data, options.standardise);
  const Space space = make_space(data, standard);
  std::vector<double> grid = options.l2_grid;
  std::sort(grid.begin(), grid.end(), std::greater<>());

  LinearProbe out;
  out.classes = data.classes;
  out.features = d;
  if (grid.size() == 1) {
    out.l2 = grid.front();
  } else {
    out.cv_log_loss = cross_validate(space, data, labels, classes, options, grid, seed, round);
    out.cross_validated = !out.cv_log_loss.empty();
    if (out.cross_validated) {
      const auto best = std::min_element(out.cv_log_loss.begin(), out.cv_log_loss.end());
      out.l2 = grid[best - out.cv_log_loss.begin()];
      out.l2_grid = grid;
    } else {
      out.l2 = options.default_l2;
    }
  }

  Problem problem(space, labels, row_weights(labels, classes, options.balance_classes, {}),
                  classes);
  problem.start(out.l2, options.tolerance, options.max_iterations);
  solve(space, {&problem});
  out.converged = problem.converged();
  out.iterations = problem.iterations();

  MatrixXd w;  // [d, columns], on standardised features
  if (space.dual) {
    w.noalias() = space.rows.transpose() * problem.x().coefficients;
  } else {
    w = problem.x().coefficients;
  }
  VectorXd b = problem.x().bias;
  if (problem.columns() == 1) {
    w = (MatrixXd(d, 2) << -0.5 * w, 0.5 * w).finished();
    b = (VectorXd(2) << -0.5 * b[0], 0.5 * b[0]).finished();
  }
  out.weights.assign(data.classes * d, 0.0);
  out.bias.assign(data.classes, -std::log(2.0 * static_cast<double>(n)));
  double bias_sum = 0;
  for (index_t c = 0; c < classes; ++c) {
    double offset = b[c];
    for (index_t j = 0; j < d; ++j) {
      const double raw = w(j, c) * standard.inverse_scale[j];
      out.weights[occurring[c] * d + j] = raw;
      offset -= raw * standard.mean[j];
    }
    out.bias[occurring[c]] = offset;
    bias_sum += offset;
  }
  for (const label_t k : occurring)
    out.bias[k] -= bias_sum / static_cast<double>(classes);
  return out;
}

double probe_objective(const ProbeData& data, const ProbeOptions& options, const LinearProbe& at,
                       std::span<double> gradient_weights, std::span<double> gradient_bias) {
  check(data, options);
  const index_t n = rows_of(data);
  const index_t d = data.feature_size;
  const index_t classes = data.classes;
  AIFT_EXPECT(at.classes == classes && at.features == d, ShapeError,
              "The probe must be for {} classes and {} features; it is for {} and {}.", classes, d,
              at.classes, at.features);
  const bool with_gradient = !gradient_weights.empty() || !gradient_bias.empty();
  AIFT_EXPECT(!with_gradient || (static_cast<index_t>(gradient_weights.size()) == classes * d &&
                                 static_cast<index_t>(gradient_bias.size()) == classes),
              ShapeError, "The gradients must be [{}, {}] and [{}]; got {} and {} values.", classes,
              d, classes, gradient_weights.size(), gradient_bias.size());
  std::fill(gradient_weights.begin(), gradient_weights.end(), 0.0);
  std::fill(gradient_bias.begin(), gradient_bias.end(), 0.0);

  const Standard standard = standard_of(data, options.standardise);
  const VectorXd w = row_weights(data.labels, classes, options.balance_classes, {});
  const std::vector<label_t> occurring = classes_that_occur(data.labels);
  std::vector<double> z(n * classes);
  at.logits(data.features, n, z);
  double value = 0;
  for (index_t i = 0; i < n; ++i) {
    const double* row = z.data() + i * classes;
    double largest = -std::numeric_limits<double>::infinity();
    for (const label_t k : occurring)
      largest = std::max(largest, row[k]);
    double sum = 0;
    for (const label_t k : occurring)
      sum += std::exp(row[k] - largest);
    value += w[i] * (std::log(sum) + largest - row[data.labels[i]]);
    if (!with_gradient) continue;
    for (const label_t k : occurring) {
      const double residual =
          w[i] * (std::exp(row[k] - largest) / sum - (k == data.labels[i] ? 1 : 0));
      gradient_bias[k] += residual;
      for (index_t j = 0; j < d; ++j) {
        gradient_weights[k * d + j] += residual * data.features[i * d + j];
      }
    }
  }
  for (const label_t k : occurring) {
    for (index_t j = 0; j < d; ++j) {
      if (standard.inverse_scale[j] == 0) continue;
      const double scale = 1 / standard.inverse_scale[j];
      const double weight = at.weights[k * d + j] * scale;
      value += at.l2 / 2 * weight * weight;
      if (with_gradient) gradient_weights[k * d + j] += at.l2 * weight * scale;
    }
  }
  return value;
}

}  // namespace aift
