// SPDX-License-Identifier: Apache-2.0
#include <aift/store/tasks.hpp>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/image_source.hpp>
#include <aift/io/numbers.hpp>
#include <aift/store/digest.hpp>

#include "impl.hpp"

namespace aift::store {

namespace {

std::string number_field(double value) { return std::isnan(value) ? "" : io::shortest(value); }

std::string class_name(const Project& project, label_t label) {
  if (label < 0) return {};
  return item(project.settings().classes, label);
}

std::string image_of(const Project& project, const StorePick& pick, const TaskOptions& options,
                     const std::vector<std::uint64_t>& ids) {
  if (options.images == TaskImages::none) return {};
  if (options.images == TaskImages::path) return options.prefix + pick.sample.path;
  AIFT_EXPECT(options.source != nullptr, ValueError,
              "Embedded pictures need a source of images; give one, or write paths.");
  AIFT_EXPECT(options.thumbnail >= 16 && options.thumbnail <= 4096, ValueError,
              "A thumbnail must be 16 to 4096 pixels; got {}.", options.thumbnail);
  (void)project;
  const Image image =
      options.source->read({pick.sample.number, item(ids, pick.sample.number)});
  const Image small = io::thumbnail(image.view(), options.thumbnail);
  const std::vector<std::byte> jpeg = io::encode_jpeg(small.view());
  return "data:image/jpeg;base64," + base64(jpeg);
}

}  // namespace

std::string task_csv(const Project& project, std::span<const StorePick> picks,
                     const TaskOptions& options) {
  const std::vector<std::uint64_t> ids = project.impl().ids();
  std::string text =
      "sample,round,rank,image,prediction,probability,score,entropy,diversity,reason,label,reader,"
      "confidence,lead_time,comment\n";
  for (const StorePick& pick : picks) {
    const bool told = options.predictions;
    const std::vector<std::string> fields = {
        pick.sample.sid,
        std::to_string(pick.round),
        std::to_string(pick.rank),
        image_of(project, pick, options, ids),
        told ? class_name(project, pick.prediction) : "",
        told ? number_field(pick.probability) : "",
        told ? number_field(pick.score) : "",
        told ? number_field(pick.entropy) : "",
        told ? number_field(pick.diversity) : "",
        told ? pick.reason : "",
        "",
        "",
        "",
        "",
        ""};
    text += io::csv_line(fields);
  }
  return text;
}

std::string label_studio_tasks(const Project& project, std::span<const StorePick> picks,
                               const TaskOptions& options) {
  const std::vector<std::uint64_t> ids = project.impl().ids();
  Json tasks = Json::array();
  for (const StorePick& pick : picks) {
    Json data = {{"sample", pick.sample.sid}, {"round", pick.round}, {"rank", pick.rank}};
    const std::string image = image_of(project, pick, options, ids);
    if (!image.empty()) data["image"] = image;
    const std::string prediction = class_name(project, pick.prediction);
    if (options.predictions) {
      data["prediction"] = prediction;
      data["probability"] = pick.probability;
      data["score"] = pick.score;
      data["entropy"] = pick.entropy;
      data["diversity"] = pick.diversity;
      data["reason"] = pick.reason;
    }
    Json task = {{"data", data}};
    if (options.preannotate && !prediction.empty()) {
      task["predictions"] = {
          {{"score", pick.probability},
           {"result",
            {{{"from_name", "label"},
              {"to_name", "image"},
              {"type", "choices"},
              {"value", {{"choices", {prediction}}}}}}}}};
    }
    tasks.push_back(std::move(task));
  }
  return tasks.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string label_studio_interface(std::span<const std::string> classes) {
  const auto escaped = [](const std::string& text) {
    std::string out;
    for (const char c : text) {
      out += c == '&'   ? "&amp;"
             : c == '<' ? "&lt;"
             : c == '"' ? "&quot;"
                        : std::string(1, c);
    }
    return out;
  };
  std::string text =
      "<View>\n  <Image name=\"image\" value=\"$image\" zoom=\"true\"/>\n"
      "  <Choices name=\"label\" toName=\"image\" choice=\"single\" required=\"true\">\n";
  for (const std::string& name : classes)
    text += fmt::format("    <Choice value=\"{}\"/>\n", escaped(name));
  text +=
      "    <Choice value=\"cannot tell\"/>\n  </Choices>\n"
      "  <Number name=\"confidence\" toName=\"image\" min=\"0\" max=\"1\" step=\"0.1\"/>\n"
      "  <TextArea name=\"comment\" toName=\"image\" maxSubmissions=\"1\"/>\n</View>\n";
  return text;
}

std::vector<StorePick> unlabelled_test_samples(const Project& project) {
  const std::vector<std::uint64_t> ids = project.impl().ids();
  std::vector<std::pair<std::uint64_t, index_t>> order;
  Statement row = project.impl().db.prepare(
      "SELECT number FROM samples WHERE split = 1 AND withdrawn = 0 AND given < 0 AND NOT EXISTS "
      "(SELECT 1 FROM labels WHERE labels.sample = samples.number)");
  while (row.step()) {
    const index_t number = row.integer(0);
    order.emplace_back(KeyedRandom(project.settings().seed, Purpose::order, 0,
                                   item(ids, number)).bits(0), number);
  }
  std::sort(order.begin(), order.end());
  std::vector<StorePick> picks;
  for (const auto& [key, number] : order) {
    StorePick pick;
    pick.sample = project.sample(std::to_string(number));
    pick.round = -1;
    pick.rank = static_cast<index_t>(picks.size());
    pick.reason = "Of the test set, which is labelled as a whole.";
    picks.push_back(std::move(pick));
  }
  return picks;
}

std::string conflict_csv(const Project& project) {
  std::string text = "sample,path,group,answers\n";
  for (const Verdict& verdict : project.verdicts()) {
    if (!verdict.conflict) continue;
    const Sample sample = project.sample(std::to_string(verdict.sample));
    std::string said;
    for (const auto& [reader, label] : verdict.readers) {
      said += fmt::format("{}{}: {}", said.empty() ? "" : "; ", reader,
                          label < 0 ? "cannot tell" : class_name(project, label));
    }
    const std::vector<std::string> fields = {sample.sid, sample.path, sample.group, said};
    text += io::csv_line(fields);
  }
  return text;
}

}  // namespace aift::store
