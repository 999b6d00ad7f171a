// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/loop/stopping.hpp>
#include <aift/loop/trainer.hpp>
#include <aift/select/batch_rules.hpp>

namespace aift::store {

/// How the answers of several readers become one label.
enum class AnswerRule : std::uint8_t {
  majority,   ///< more readers than for any other class; a tie is a conflict
  unanimous,  ///< all readers that could tell agree, else a conflict
  first,      ///< the earliest answer
  last,       ///< the latest answer
  reader,     ///< that of one named reader where there is one, else the majority
};

/// AnswerRule with what it needs.
struct AnswerSettings {
  AnswerRule rule = AnswerRule::majority;  ///< which
  std::string reader;     ///< who decides, for AnswerRule::reader
  index_t readers = 1;    ///< so many must have answered before a label counts, at least 1
};

/// "majority", "unanimous", "first", "last", "reader:NAME". throws ValueError
[[nodiscard]] AnswerSettings answer_rule_from(std::string_view text);
/// The way back.
[[nodiscard]] std::string to_string(const AnswerSettings& settings);

/// When a new model may take the place of the one before.
struct GateSettings {
  bool on = true;                           ///< false: every model is accepted
  MetricKind metric = MetricKind::auc;      ///< what is compared on the locked test set
  /// A model is worse when its metric lies more than this many standard errors of the paired
  /// difference below the reference; 0: when it lies below at all. At least 0.
  double tolerance = 1;
};

/// All that a project does; fixed when it is made, changed by an event of its own.
struct ProjectSettings {
  std::vector<std::string> classes;                     ///< [K >= 2]
  std::string selector = "aift";                        ///< name in the registry
  std::map<std::string, std::string> selector_options;  ///< of it
  index_t budget = 20;                                  ///< labels asked for per round, at least 1
  std::uint64_t seed = 0;                               ///< of every draw
  double test_share = 0.2;  ///< of the groups, where the data has no split; in [0, 1)
  BatchRules rules;         ///< what a batch keeps to
  StartFrom start = StartFrom::current;  ///< where training starts
  TrainSet set = TrainSet::all;          ///< what it trains on
  AnswerSettings answers;                ///< several readers
  GateSettings gate;                     ///< acceptance
  /// After a rejected model: false, go on from the accepted one; true, from the rejected one.
  bool keep_rejected = false;
  std::string synthetic;    ///< what says that the images are generated; empty: they are not said to be
  std::string application;  ///< text of the application, kept as it is: its network, its recipe

  /// throws ValueError naming what is out of range, an unknown selector or option
  void validate() const;
};

/// JSON text of the settings with sorted keys, and back. throws IoError for text that is none
[[nodiscard]] std::string to_json(const ProjectSettings& settings);
[[nodiscard]] ProjectSettings project_settings_from_json(std::string_view text);  ///< see to_json

}  // namespace aift::store
