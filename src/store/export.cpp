// SPDX-License-Identifier: Apache-2.0
#include <aift/store/export.hpp>

#include <cmath>
#include <system_error>
#include <unordered_map>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/mapped_file.hpp>
#include <aift/io/numbers.hpp>
#include <aift/store/digest.hpp>

#include "impl.hpp"
#include "test_set.hpp"

namespace aift::store {

namespace {

std::string field(double value) { return std::isnan(value) ? "" : io::shortest(value); }

std::string class_name(const Project& project, label_t label) {
  return label < 0 ? "" : item(project.settings().classes, label);
}

std::unordered_map<index_t, label_t> labels_of(const Project& project) {
  std::unordered_map<index_t, label_t> labels;
  for (const Verdict& verdict : project.verdicts())
    labels.emplace(verdict.sample, verdict.label);
  return labels;
}

}  // namespace

std::string picks_csv(const Project& project) {
  const auto labels = labels_of(project);
  std::string text =
      "round,rank,path,group,label,score,entropy,diversity,prediction,probability,rule\n";
  for (const StoreQuery& query : project.queries()) {
    for (const StorePick& pick : query.picks) {
      const auto label = labels.find(pick.sample.number);
      const std::vector<std::string> fields = {
          std::to_string(query.round),
          std::to_string(pick.rank),
          pick.sample.path,
          pick.sample.group,
          class_name(project, label == labels.end() ? kUnlabelled : label->second),
          field(pick.score),
          field(pick.entropy),
          field(pick.diversity),
          class_name(project, pick.prediction),
          field(pick.probability),
          query.rule};
      text += io::csv_line(fields);
    }
  }
  return text;
}

std::string curve_csv(const Project& project) {
  std::string text =
      "model,round,parent,accepted,labels,auc,accuracy,balanced_accuracy,log_loss,tested,hash\n";
  Statement count = project.impl().db.prepare("SELECT count(*) FROM training WHERE model = ?");
  for (const StoredModel& model : project.models()) {
    count.with(model.number);
    count.step();
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", model.number, model.round, model.parent,
                        model.accepted ? 1 : 0, count.integer(0), field(model.metrics.auc),
                        field(model.metrics.accuracy), field(model.metrics.balanced_accuracy),
                        field(model.metrics.log_loss), model.metrics.samples, model.hash);
  }
  return text;
}

std::string manifest_csv(const Project& project) {
  const auto labels = labels_of(project);
  const std::vector<Verdict> verdicts = project.verdicts();
  const std::vector<label_t> tested = test_labels(project.impl(), verdicts);
  std::string text = "path,label,group,split,sample\n";
  for (const Sample& sample : project.samples()) {
    if (sample.withdrawn || sample.side == Side::out) continue;
    label_t label = kUnlabelled;
    if (sample.side == Side::test) {
      label = item(tested, sample.number);
    } else if (const auto found = labels.find(sample.number); found != labels.end()) {
      label = found->second;
    }
    const std::vector<std::string> fields = {sample.path, class_name(project, label), sample.group,
                                             sample.side == Side::test ? "test" : "pool", sample.sid};
    text += io::csv_line(fields);
  }
  return text;
}

void export_project(const Project& project, const fs::path& folder, index_t number) {
  std::error_code error;
  fs::create_directories(folder, error);
  AIFT_EXPECT(!error, IoError, "{} could not be made: {}.", folder.string(), error.message());
  io::write_file_atomically(folder / "manifest.csv", manifest_csv(project));
  io::write_file_atomically(folder / "picks.csv", picks_csv(project));
  io::write_file_atomically(folder / "curve.csv", curve_csv(project));
  std::optional<StoredModel> model = project.current_model();
  if (number >= 0) model = project.impl().model(number);
  if (!model) return;
  const io::MappedFile bytes(model->file);
  const std::string_view content(reinterpret_cast<const char*>(bytes.bytes().data()),
                                 bytes.bytes().size());
  AIFT_EXPECT(sha256(content) == model->hash, IoError,
              "{} does not hold model {} any more; restore it from a copy.", model->file.string(),
              model->number);
  io::write_file_atomically(folder / ("model" + model->file.extension().string()), content);
}

}  // namespace aift::store
