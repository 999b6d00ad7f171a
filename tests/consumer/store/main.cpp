// SPDX-License-Identifier: Apache-2.0
// A project from images to the first answers.
#include <cstdio>
#include <filesystem>
#include <string>

#include <aift/core/version.hpp>
#include <aift/store/audit.hpp>
#include <aift/store/project.hpp>

// [begin project]
/// Makes a project of these images and answers the first query; gives back how many answers it holds.
aift::index_t first_round(const std::filesystem::path& folder, const aift::io::Dataset& images) {
  aift::store::ProjectSettings settings;
  settings.classes = {"clear", "polyp"};
  settings.budget = 3;
  settings.test_share = 0.25;
  aift::store::Project::create(folder, settings, images);

  aift::store::Project project(folder);
  std::vector<aift::store::Answer> answers;
  for (const aift::store::StorePick& pick : project.query().picks) {
    aift::store::Answer answer;
    answer.sample = pick.sample.sid;
    answer.reader = "Dr A";
    answer.label = pick.sample.path.find("polyp") == std::string::npos ? 0 : 1;  // who knows better
    answers.push_back(answer);
  }
  return project.label(answers);
}
// [end project]

int main() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "aift-consumer-project";
  std::filesystem::remove_all(folder);
  aift::io::Dataset images;
  images.root = "/nowhere";
  for (int i = 0; i < 20; ++i) {
    images.paths.push_back((i % 2 == 0 ? "clear_" : "polyp_") + std::to_string(i) + ".png");
    images.ids.push_back(aift::io::candidate_id(images.paths.back()));
    images.labels.push_back(aift::kUnlabelled);
    images.groups.push_back(i);
    images.group_names.push_back("patient " + std::to_string(i));
  }
  const aift::index_t answers = first_round(folder, images);
  const bool good = answers == 3 && aift::store::verify(folder).problems.empty();
  std::printf("AIFT %s: %d answers\n", std::string(aift::version()).c_str(), static_cast<int>(answers));
  std::filesystem::remove_all(folder);
  return good ? 0 : 1;
}
