// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/types.hpp>

namespace aift::io::report {

/// What a run folder says, as far as a report shows it.
struct RunRecord {
  struct Metrics {  ///< on the test images; NaN where undefined
    double auc, accuracy, balanced_accuracy, log_loss;
    index_t samples = 0;
  };
  struct Pick {
    index_t candidate = 0;
    std::uint64_t id = 0;
    std::string path, group;
    label_t label = kUnlabelled;
    double score, entropy, diversity;   ///< NaN: the rule made none
    label_t dominant = kUnlabelled;     ///< among the run's classes; kUnlabelled: not known
    index_t views = 0;                  ///< 0: no model was asked
    std::vector<double> probabilities;  ///< [views] of `dominant` before training, or empty
    std::vector<std::int32_t> kept;     ///< most confident first; empty: not scored
    std::string reason;
  };
  using Facts = std::vector<std::pair<std::string, std::string>>;
  struct Round {
    index_t round = 0;
    std::string rule;  ///< what picked
    index_t labels = 0;
    bool trained = false;
    bool has_model = false;          ///< some round up to this one trained a model
    double agreement;                ///< share of the new labels the model had right, or NaN
    std::optional<Metrics> metrics;  ///< none without test images
    std::vector<Pick> picks;
    Facts fit;
    std::vector<std::pair<std::string, double>> seconds;
  };

  std::filesystem::path folder;
  std::string name;
  std::vector<std::string> classes;
  std::vector<Round> rounds;
  bool pending = false;  ///< the last of `rounds` is asked for and not trained on yet
  std::vector<std::pair<std::string, std::string>> bad_images;  ///< path, reason
  index_t pool = 0, test = 0;
  std::vector<std::string> notes;     ///< what a reader of the run should know
  std::string stopped;                ///< why; empty: not finished
  bool synthetic = false;             ///< the images are generated
  std::string synthetic_sentence;     ///< what the data set says about that; may be empty
  std::vector<index_t> pool_classes;  ///< [K] candidates of the pool at the start, or empty
  /// What the last trained model says of one image that has a label.
  struct Prediction {
    bool test = false;  ///< else: labelled, and trained on
    index_t candidate = 0;
    std::string path, group;
    label_t label = kUnlabelled;
    std::vector<double> probabilities;  ///< [K]
  };
  std::vector<Prediction> predictions;  ///< empty: the run recorded none
  /// What a detector with the run's model finds, as `aift ct froc --run` noted it for some number of
  /// labels.
  struct Detection {
    struct Value {
      double value, low, high;  ///< NaN: not defined
    };
    index_t labels = 0;
    index_t scans = 0, emboli = 0, reachable = 0;
    std::string hit;                           ///< what counts as a hit
    Value auc, mean;                           ///< of the candidates; of the sensitivities
    std::vector<std::pair<double, Value>> at;  ///< false positives per scan, sensitivity; rising
  };
  std::vector<Detection> detections;                    ///< by rising number of labels
  Facts environment;                                    ///< machine, build, threads
  std::vector<std::pair<std::string, Facts>> settings;  ///< tables of config.toml
  std::filesystem::path data_root;                      ///< what the paths of picks are relative to
  std::string data_name;
  bool volumes = false;  ///< candidates of volumes: their pictures are sheets of planes
  std::optional<ImageAugmentOptions> views;  ///< how the scoring views were made; format unset

  [[nodiscard]] std::string setting(const std::string& table, const std::string& key) const;
};

/// Reads state.json and config.toml of a run. throws IoError naming the file
[[nodiscard]] RunRecord read_run(const std::filesystem::path& folder);

}  // namespace aift::io::report
