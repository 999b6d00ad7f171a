// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <aift/core/error.hpp>
#include <aift/store/agreement.hpp>

#include "impl.hpp"

namespace aift::store {

namespace {

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

constexpr const char* kAnswers =
    "SELECT labels.number, labels.sample, sid, reader, labels.label, lead_time, confidence, "
    "coalesce(text, ''), superseded FROM labels JOIN samples ON samples.number = labels.sample "
    "LEFT JOIN comments ON comments.label = labels.number";

StoredAnswer read_answer(const Statement& row) {
  StoredAnswer stored;
  stored.number = row.integer(0);
  stored.sample = row.integer(1);
  stored.answer.sample = row.text(2);
  stored.answer.reader = row.text(3);
  stored.answer.label = static_cast<label_t>(row.integer(4));
  stored.answer.lead_time = row.real(5);
  stored.answer.confidence = row.real(6);
  stored.answer.comment = row.text(7);
  stored.superseded = row.integer(8) != 0;
  return stored;
}

/// Whether an answer says what this reader has said already, or, read from a list that was filled
/// before, what he has corrected since.
bool is_known(const std::vector<StoredAnswer>& earlier, const Answer& answer) {
  for (const StoredAnswer& one : earlier) {
    const Answer& was = one.answer;
    if (was.reader == answer.reader && was.label == answer.label && was.comment == answer.comment &&
        same(was.lead_time, answer.lead_time) && same(was.confidence, answer.confidence) &&
        !one.superseded)
      return true;
  }
  return false;
}

}  // namespace

index_t Project::Impl::take_answers(std::span<const Answer> answers) const {
  Statement by_sid = db.prepare("SELECT number, withdrawn, split FROM samples WHERE sid = ?");
  Statement by_number = db.prepare("SELECT number, withdrawn, split FROM samples WHERE number = ?");
  Statement earlier_of = db.prepare(fmt::format("{} WHERE labels.sample = ? ORDER BY 1", kAnswers));
  Statement remark = db.prepare("INSERT INTO comments VALUES(?, ?)");
  Json list = Json::array();
  auto number = db.integer("SELECT count(*) FROM labels");
  const auto classes = static_cast<label_t>(settings.classes.size());
  std::map<std::pair<std::int64_t, std::string>, std::size_t> in_this_list;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Answer& answer = answers[i];
    AIFT_EXPECT(!answer.reader.empty(), ValueError, "Answer {} names no reader.", i);
    AIFT_EXPECT(answer.label >= kUnlabelled && answer.label < classes, ValueError,
                "A label must be in [0, {}), or {} for \"cannot tell\"; answer {} has {}.", classes,
                kUnlabelled, i, answer.label);
    AIFT_EXPECT(std::isnan(answer.confidence) || (answer.confidence >= 0 && answer.confidence <= 1),
                ValueError, "A confidence must be in [0, 1]; answer {} has {}.", i, answer.confidence);
    AIFT_EXPECT(std::isnan(answer.lead_time) ||
                    (answer.lead_time >= 0 && std::isfinite(answer.lead_time)),
                ValueError, "A lead time must be finite and at least 0 seconds; answer {} has {}.", i,
                answer.lead_time);
    Statement* found = &by_sid;
    by_sid.with(answer.sample);
    bool there = by_sid.step();
    if (!there) {
      by_sid.with(sid_of(salt, answer.sample));
      there = by_sid.step();
    }
    const bool is_number = !answer.sample.empty() && answer.sample.size() < 16 &&
                           answer.sample.find_first_not_of("0123456789") == std::string::npos;
    if (!there && is_number) {
      by_number.with(static_cast<std::int64_t>(std::stoll(answer.sample)));
      there = by_number.step();
      found = &by_number;
    }
    AIFT_EXPECT(there, ValueError,
                "Answer {} is about a sample that the project does not have; add it first.", i);
    AIFT_EXPECT(found->integer(1) == 0, ValueError,
                "Answer {} is about a sample that was withdrawn; leave it out.", i);
    const auto sample = found->integer(0);
    const auto in_list = in_this_list.emplace(std::pair(sample, answer.reader), i);
    AIFT_EXPECT(in_list.second, ValueError,
                "Answers {} and {} are of one reader about one sample; give the one that counts.",
                in_list.first->second, i);
    std::vector<StoredAnswer> earlier;
    earlier_of.with(sample);
    while (earlier_of.step())
      earlier.push_back(read_answer(earlier_of));
    if (is_known(earlier, answer)) continue;
    if (!answer.comment.empty()) remark.with(number, answer.comment).run();
    list.push_back({{"number", number++},
                    {"sample", sample},
                    {"sid", nullptr},
                    {"reader", answer.reader},
                    {"label", answer.label},
                    {"lead_time", answer.lead_time},
                    {"confidence", answer.confidence},
                    {"comment", comment_seal(salt, answer.comment)}});
  }
  for (Statement* s : {&by_sid, &by_number, &earlier_of})
    s->reset();
  if (list.empty()) return 0;
  Statement sid = db.prepare("SELECT sid FROM samples WHERE number = ?");
  for (Json& one : list) {
    sid.with(one.at("sample").get<std::int64_t>());
    sid.step();
    one["sid"] = sid.text(0);
  }
  sid.reset();
  append("labels", {{"answers", put_blob(dump(list))}, {"count", list.size()}});
  return static_cast<index_t>(list.size());
}

index_t Project::label(std::span<const Answer> answers) {
  impl_->expect_writable();
  Transaction transaction(impl_->db);
  const index_t taken = impl_->take_answers(answers);
  if (taken > 0) transaction.commit();
  return taken;
}

std::vector<StoredAnswer> Project::answers() const {
  std::vector<StoredAnswer> answers;
  Statement row = impl_->db.prepare(fmt::format("{} ORDER BY labels.number", kAnswers));
  while (row.step())
    answers.push_back(read_answer(row));
  return answers;
}

std::vector<Verdict> Project::verdicts() const {
  std::vector<Verdict> verdicts;
  std::vector<StoredAnswer> of_one;
  const auto decide = [&] {
    if (!of_one.empty()) verdicts.push_back(agree(of_one, impl_->settings.answers));
    of_one.clear();
  };
  Statement row = impl_->db.prepare(
      fmt::format("{} WHERE withdrawn = 0 ORDER BY labels.sample, labels.number", kAnswers));
  while (row.step()) {
    StoredAnswer answer = read_answer(row);
    if (!of_one.empty() && of_one.front().sample != answer.sample) decide();
    of_one.push_back(std::move(answer));
  }
  decide();
  return verdicts;
}

}  // namespace aift::store
