// SPDX-License-Identifier: Apache-2.0
#include <aift/io/report.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <regex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <aift/augment/image_augmenter.hpp>
#include <aift/augment/render.hpp>
#include <aift/core/error.hpp>
#include <aift/io/image_source.hpp>

#include "src/io/report_chart.hpp"
#include "src/io/report_html.hpp"
#include "src/io/report_pictures.hpp"
#include "src/io/report_script.hpp"
#include "src/io/report_statistics.hpp"
#include "src/io/report_words.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace aift;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr index_t kViews = 3;

/// Smooth colours that differ from corner to corner, so that no two views look the same.
Image sample_image(int variant) {
  Image image{80, 60, ChannelOrder::rgb, {}};
  for (index_t y = 0; y < image.height; ++y) {
    for (index_t x = 0; x < image.width; ++x) {
      image.pixels.push_back(static_cast<std::uint8_t>(30 + 2 * x));
      image.pixels.push_back(static_cast<std::uint8_t>(40 + 3 * y));
      image.pixels.push_back(static_cast<std::uint8_t>(60 + 20 * variant));
    }
  }
  return image;
}

/// One pair of texts, as lists of facts are stored.
Json pairs(const std::string& key, const std::string& value) {
  return Json::array({Json::array({key, value})});
}

Json metrics(double auc) {
  return {{"auc", auc},
          {"accuracy", 0.75},
          {"balanced_accuracy", 0.74},
          {"log_loss", 0.523},
          {"samples", 40}};
}

Json pick(index_t candidate, const std::string& path, const std::string& group, int label) {
  return {{"candidate", candidate},
          {"id", "00000000000000a" + std::to_string(candidate)},
          {"path", path},
          {"group", group},
          {"label", label},
          {"score", 2.5},
          {"entropy", 1.25},
          {"diversity", 0.0625},
          {"dominant", 1},
          {"kept", {2, 0}},
          {"patches", kViews},
          {"probabilities", {0.25, 0.75, 0.875, 0.125, 0.0625, 0.9375}},
          {"reason", "score 2.5, rank 0 of 100; majority for class 1"}};
}

Json finished(index_t round, index_t labels, double auc, const Json& picks) {
  return {{"round", round},
          {"rule", "aift"},
          {"labels", labels},
          {"trained", true},
          {"has_model", true},
          {"model_file", "model-000.safetensors"},
          {"metrics", metrics(auc)},
          {"agreement", 0.5},
          {"fit", pairs("steps", "60")},
          {"seconds", {{"score", 61.0}, {"label", 0.0}, {"train", 2.0}, {"test", 0.5}}},
          {"picks", picks}};
}

/// A run folder made by hand beside a small data set.
struct Fixture {
  test::TempDir dir;
  Json state;
  std::string config;

  Fixture() {
    io::write_png(make("data/polyp/a.png"), sample_image(0).view());
    io::write_png(make("data/normal/b.png"), sample_image(1).view());
    state = {{"format", "aift run"},
             {"version", 1},
             {"seed", "7"},
             {"class_names", {"normal", "polyp"}},
             {"fingerprint", pairs("processor", "some processor")},
             {"pool", 100},
             {"test", 40},
             {"excluded", Json::array()},
             {"stop", {{"rule", "rounds"}, {"reason", "2 rounds are done."}}},
             {"pending", nullptr},
             {"answered", false},
             {"rounds",
              {finished(0, 1, 0.8125, Json::array({pick(0, "polyp/a.png", "patient-smith", 1)})),
               finished(1, 2, 0.875, Json::array({pick(1, "normal/b.png", "patient-jones", 0)}))}}};
    config = "[run]\ndata = \"" + (dir / "data").string() +
             "\"\nmodel = \"efficientnet_lite0\"\nselector = \"aift\"\nseed = 7\n"
             "[views]\nscoring = 3\nborder = \"reflect\"\nborder_value = 0\n"
             "[views.scoring_ranges]\nrotation_deg = 90\n";
  }

  fs::path make(const std::string& name) const {
    fs::create_directories((dir / name).parent_path());
    return dir / name;
  }
  fs::path folder(const std::string& name = "runs/first") const {
    dir.write(name + "/state.json", state.dump());
    dir.write(name + "/config.toml", config);
    return dir / name;
  }
  std::string html(const io::ReportOptions& options = {}) const {
    const fs::path run = folder();
    io::write_report(std::span(&run, 1), options, dir / "report.html");
    return test::read_file(dir / "report.html");
  }
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

std::vector<std::byte> decode_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::byte> out;
  unsigned bits = 0, word = 0;
  for (const char c : text) {
    if (c == '=') break;
    word = (word << 6) | static_cast<unsigned>(digits.find(c));
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::byte>((word >> bits) & 0xFFU));
    }
  }
  return out;
}

/// Every picture of the file, in its order.
std::vector<Image> pictures(const std::string& html) {
  std::vector<Image> out;
  const std::string start = "src='data:image/jpeg;base64,";
  for (auto at = html.find(start); at != std::string::npos; at = html.find(start, at + 1)) {
    const auto begin = at + start.size();
    out.push_back(io::decode_image(
        decode_base64(html.substr(begin, html.find('\'', begin) - begin)), "picture"));
  }
  return out;
}

double mean_difference(const Image& a, const Image& b) {
  REQUIRE(a.width == b.width);
  REQUIRE(a.height == b.height);
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

}  // namespace

TEST_CASE("a report is complete in itself and says what was asked and why", "[report]") {
  const Fixture fixture;
  const std::string html = fixture.html();
  CHECK(html.starts_with("<!doctype html>"));
  CHECK_THAT(html, ContainsSubstring("default-src 'none'"));
  CHECK(count(html, "<script") == 1);  // our own, which the policy allows by its hash
  CHECK_THAT(html, ContainsSubstring("script-src 'sha256-"));
  CHECK(html.find("http:") == std::string::npos);
  CHECK(html.find("https:") == std::string::npos);
  CHECK(count(html, "src='") == count(html, "src='data:image/jpeg;base64,"));

  CHECK_THAT(html, ContainsSubstring("Nothing here is cleared for clinical use"));
  CHECK_THAT(html, ContainsSubstring("Not for clinical use"));
  CHECK(html.find("SYNTHETIC") == std::string::npos);
  for (const char* text :
       {"polyp/a.png", "patient-smith", "Reader: <b>polyp</b>", "score <b>2.5</b>",
        "entropy <b>1.25</b>", "diversity <b>0.0625</b>",
        "The network is undecided: 2 of 3 views say polyp. Place 1 of 100 by score.", "agrees",
        "disagrees", "2 rounds are done.", "some processor", "1 min 01 s", "0.812", "+0.062",
        "2.0 % of a pool of 100", "efficientnet_lite0", "had 50 % of these labels"}) {
    CAPTURE(text);
    CHECK_THAT(html, ContainsSubstring(text));
  }
  // views 2 and 0 are kept, 1 is dropped, each with its probability of the dominant class
  CHECK(count(html, "<li class='kept'>") == 4);
  CHECK(count(html, "<li class='dropped'>") == 2);
  CHECK_THAT(html, ContainsSubstring("0.750<em>kept</em>"));
  CHECK_THAT(html, ContainsSubstring("0.125<em>dropped</em>"));
  CHECK_THAT(html, ContainsSubstring("0.938<em>kept</em>"));
  // mean probability of the dominant class over all views: (0.75 + 0.125 + 0.9375) / 3
  CHECK_THAT(html, ContainsSubstring("Network before: polyp 0.604"));
  CHECK(count(html, "<img ") == count(html, " alt='"));
}

TEST_CASE("the views of a report are the patches that were scored", "[report]") {
  const Fixture fixture;
  io::ReportOptions options;
  options.view = 48;
  options.thumbnail = 64;
  const std::vector<Image> shown = pictures(fixture.html(options));
  REQUIRE(shown.size() == 2 * (1 + kViews));
  CHECK(shown[0].width == 64);
  CHECK(shown[0].height == 48);

  // the same plans, rendered here at the model's own size
  ImageAugmentOptions views;
  views.seed = 7;
  views.scoring_views = kViews;
  views.scoring.rotation_deg = 90;
  views.format = {3, 48, 48, {0, 0, 0}, {1, 1, 1}};
  const ImageAugmenter augmenter(views);
  const Image image = sample_image(1);
  std::vector<Image> expected;
  for (index_t view = 0; view < kViews; ++view) {
    const PatchPlan plan = augmenter.plan({1, 0xA1}, Purpose::scoring, 0, view);
    std::vector<float> patch(static_cast<std::size_t>(views.format.elements()));
    render_patches(image.view(), std::span(&plan, 1), {patch.data(), 1, views.format});
    expected.push_back(to_image(patch, views.format));
    CAPTURE(view);
    CHECK(mean_difference(shown[static_cast<std::size_t>(5 + view)], expected.back()) < 4);  // JPEG
  }
  CHECK(mean_difference(expected[0], expected[1]) > 8);  // else the comparison says nothing
}

TEST_CASE("a report counts how often the guard acted", "[report]") {
  Fixture fixture;
  const auto decide = [&](const char* first, const char* second) {
    fixture.state["rounds"][0]["fit"] = pairs("guard", first);
    fixture.state["rounds"][1]["fit"] = pairs("guard", second);
    return fixture.html();
  };
  CHECK_THAT(decide("kept probe", "kept tuned"),
             ContainsSubstring("<dd>1 of 2<small>rounds in which"));
  CHECK_THAT(
      decide("kept tuned: too few labels to compare", "kept tuned"),
      ContainsSubstring("<dd>0 of 1<small>rounds in which it handed back the linear probe; too "
                        "few labels to compare in 1 round"));
  CHECK_THAT(
      decide("kept tuned: too few labels to compare", "kept tuned: too few groups to compare"),
      ContainsSubstring("<dd>no say<small>too few labels to compare in 2 rounds"));
  CHECK(decide("off", "off").find(">Guard<") == std::string::npos);
}

TEST_CASE("text from outside cannot break out of its place", "[report]") {
  Fixture fixture;
  const std::string hostile = "\"><script>alert('x')</script>&amp;";
  fixture.state["class_names"] = {"normal", hostile};
  fixture.state["rounds"][0]["picks"][0]["path"] = hostile + ".png";
  fixture.state["rounds"][0]["picks"][0]["group"] = hostile;
  fixture.state["rounds"][0]["picks"][0]["reason"] = hostile;
  fixture.state["rounds"][0]["fit"] = pairs(hostile, hostile);
  fixture.state["rounds"][0]["rule"] = hostile;
  fixture.state["stop"]["reason"] = hostile;
  fixture.state["notes"] = Json::array({hostile});
  fixture.state["excluded"] =
      Json::array({Json({{"candidate", 3}, {"id", "0"}, {"path", hostile}, {"reason", hostile}})});
  io::ReportOptions options;
  options.title = hostile;
  const std::string html = fixture.html(options);
  CHECK(count(html, "<script") == 1);
  CHECK(html.find("alert('") == std::string::npos);
  CHECK(count(html, "&lt;script&gt;") >= 9);
  CHECK_THAT(html, ContainsSubstring("image not found"));
}

TEST_CASE("pseudonyms leave no original name anywhere", "[report]") {
  Fixture fixture;
  const std::string folder_name = "runs/smith-first";
  for (Json& round : fixture.state["rounds"]) {
    round["fit"] = pairs("weights", "/home/jones/weights.pt");
    round["picks"][0]["reason"] = "next to frame a of patient-smith";
  }
  fixture.state["notes"] = {"Resumed beside patient-jones.", "A note without any of them."};
  fixture.state["stop"]["reason"] = "polyp/a.png was the last.";
  fixture.state["synthetic"] = "Made from patient-smith.";
  fixture.state["fingerprint"] = pairs("weights", "/home/jones/weights.pt");
  const fs::path run = fixture.folder(folder_name);
  fixture.dir.write(folder_name + "/predictions.csv",
                    "round,split,candidate,path,group,label,p:normal,p:polyp\n"
                    "1,test,7,test/dorothea.png,patient-dorothea,normal,0.05,0.95\n");
  io::ReportOptions options;
  options.pseudonyms = true;
  for (const bool images : {true, false}) {
    options.images = images;
    io::write_report(std::span(&run, 1), options, fixture.dir / "report.html");
    const std::string html = test::read_file(fixture.dir / "report.html");
    for (const std::string& name :
         {std::string("a.png"), std::string("b.png"), std::string("smith"), std::string("jones"),
          std::string("dorothea"), fixture.dir.path().string()}) {
      CAPTURE(name, images);
      CHECK(html.find(name) == std::string::npos);
    }
    CHECK_THAT(html, ContainsSubstring("image 7"));  // the suspected label error
    CHECK_THAT(html, ContainsSubstring("A note without any of them."));
    CHECK_THAT(html, ContainsSubstring("run 1"));
    CHECK_THAT(html, ContainsSubstring("2 of 3 views say polyp"));
  }
}

TEST_CASE("what the network gets wrong and is sure of", "[report]") {
  Fixture fixture;
  CHECK_THAT(fixture.html(), ContainsSubstring("this run recorded no predictions"));
  const std::string header = "round,split,candidate,path,group,label,p:normal,p:polyp\n";
  const auto with = [&](const std::string& rows) {
    fixture.dir.write("runs/first/predictions.csv", header + rows);
    return fixture.html();
  };
  const std::string html = with(
      "1,test,11,sure.png,g,normal,0.05,0.95\n"
      "1,test,12,surer.png,g,normal,0.01,0.99\n"
      "1,test,13,unsure.png,g,normal,0.3,0.7\n"
      "1,test,14,right.png,g,polyp,0.01,0.99\n"
      "1,labelled,0,polyp/a.png,patient-smith,polyp,0.875,0.125\n"
      "0,test,15,older.png,g,normal,0.05,0.95\n");
  CHECK_THAT(html, ContainsSubstring("Test images<span>2 of 4</span>"));
  CHECK_THAT(html, ContainsSubstring("Labelled images<span>1 of 1</span>"));
  CHECK(html.find("surer.png") < html.find("sure.png"));  // surest first
  for (const char* name : {"unsure.png", "right.png", "older.png"})
    CHECK(html.find(name) == std::string::npos);
  CHECK_THROWS_AS(with("1,test,11,x.png,g,heron,0.05,0.95\n"), IoError);
  CHECK_THROWS_AS(with("1,train,11,x.png,g,polyp,0.05,0.95\n"), IoError);
}

TEST_CASE("balance and redundancy of a batch", "[report]") {
  Fixture fixture;
  CHECK_THAT(fixture.html(), ContainsSubstring("The balance of the pool is not known"));
  fixture.state["pool_classes"] = {75, 25};
  fixture.state["rounds"][0]["picks"].push_back(pick(0, "polyp/a.png", "patient-smith", 1));
  const std::string html = fixture.html();
  CHECK_THAT(html, ContainsSubstring("data-th='polyp'>2 (100 %)</td>"));
  CHECK_THAT(html, ContainsSubstring("data-th='polyp'>25 (25 %)</td>"));
  CHECK_THAT(html, ContainsSubstring("data-th='Largest group'>2</td>"));
  CHECK_THAT(html, ContainsSubstring("data-th='Near duplicates'>2 (100 %)</td>"));
  CHECK_THAT(html, ContainsSubstring("data-th='Nearest'>1.000</td>"));
  fixture.state["pool_classes"] = {75};
  CHECK_THROWS_AS(fixture.html(), IoError);
}

TEST_CASE("likeness of pictures is blind to brightness and contrast", "[report]") {
  using io::report::likeness;
  using io::report::signature_of;
  const Image image = sample_image(0);
  Image dimmer = image, negative = image, flat = image;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    dimmer.pixels[i] = static_cast<std::uint8_t>(image.pixels[i] / 2 + 20);
    negative.pixels[i] = static_cast<std::uint8_t>(255 - image.pixels[i]);
    flat.pixels[i] = 90;
  }
  const auto own = signature_of(image.view());
  CHECK(likeness(own, own) == Catch::Approx(1));
  CHECK(likeness(own, signature_of(dimmer.view())) > 0.999);
  CHECK(likeness(own, signature_of(negative.view())) < -0.999);
  CHECK(likeness(own, signature_of(flat.view())) == 0);
}

TEST_CASE("intervals by Student's t", "[report]") {
  using namespace io::report;
  // tables of the t distribution, two-sided 95 %
  const std::pair<index_t, double> table[] = {{1, 12.7062}, {2, 4.3027},  {3, 3.1824},
                                              {4, 2.7764},  {9, 2.2622},  {10, 2.2281},
                                              {30, 2.0423}, {120, 1.9799}};
  for (const auto& [freedom, value] : table) {
    CAPTURE(freedom);
    CHECK(student_t_975(freedom) == Catch::Approx(value).margin(5e-5));
  }
  // 1, 2, 3, 4: mean 2.5, s = sqrt(5/3), half = 3.1824 s / 2
  const Estimate some = estimate(std::vector<double>{1, 2, 3, 4});
  CHECK(some.mean == Catch::Approx(2.5));
  CHECK(some.half == Catch::Approx(2.05426).margin(1e-4));
  CHECK(some.count == 4);
  const Estimate one = estimate(std::vector<double>{0.5});
  CHECK(one.mean == 0.5);
  CHECK(std::isnan(one.half));
  CHECK(std::isnan(estimate({}).mean));
}

TEST_CASE("area, target and pairs of learning curves", "[report]") {
  using namespace io::report;
  const auto make = [](const char* seed, const std::vector<std::pair<index_t, double>>& points) {
    RunRecord run;
    run.settings = {{"run", {{"seed", seed}}}};
    for (const auto& [labels, auc] : points) {
      RunRecord::Round round;
      round.labels = labels;
      round.metrics = RunRecord::Metrics{auc, 0, 0, 0, 10};
      run.rounds.push_back(round);
    }
    return run;
  };
  const RunRecord a1 = make("1", {{10, 0.5}, {20, 0.7}, {40, 0.9}});
  const RunRecord a2 = make("2", {{10, 0.6}, {20, 0.8}, {40, 0.8}});
  const RunRecord b1 = make("1", {{10, 0.5}, {20, 0.6}, {40, 0.8}});
  const RunRecord b3 = make("3", {{10, 0.1}, {20, 0.1}, {40, 0.1}});
  CHECK(curve_area(a1, Metric::auc) == Catch::Approx((10 * 0.6 + 20 * 0.8) / 30));
  CHECK(labels_to_reach(a1, 0.7) == 20);
  CHECK(labels_to_reach(a1, 0.71) == 40);
  CHECK_FALSE(labels_to_reach(a1, 0.91).has_value());
  const RunGroup a{"a", {&a1, &a2}, {}}, b{"b", {&b3, &b1}, {}};
  const Estimate difference = paired_difference(
      a, b, [](const RunRecord& run) { return value_of(run.rounds.back(), Metric::auc); });
  CHECK(difference.count == 1);  // only seed 1 is in both
  CHECK(difference.mean == Catch::Approx(0.1));
}

TEST_CASE("why an image was asked for, in words", "[report]") {
  io::report::RunRecord run;
  run.classes = {"normal", "polyp"};
  io::report::RunRecord::Pick one;
  one.score = 1;
  one.dominant = 1;
  const auto say = [&](const std::vector<double>& p, const std::string& reason) {
    one.probabilities = p;
    one.views = static_cast<index_t>(p.size());
    one.reason = reason;
    return io::report::why_asked(run, one);
  };
  CHECK(say({0.9, 0.9, 0.2, 0.1}, "") == "The network is undecided: 2 of 4 views say polyp.");
  CHECK(say({0.9, 0.2, 0.2}, "") == "The network is undecided: 1 of 3 views says polyp.");
  CHECK(say({0.95, 0.9}, "score 1, rank 0 of 10; majority for class 1; near nothing labelled") ==
        "All 2 views say polyp, and surely. Place 1 of 10 by score. Near nothing labelled.");
  CHECK(say({0.6, 0.55}, "") == "All 2 views say polyp, but barely.");
  CHECK(say({0.4, 0.4}, "") ==
        "No view is sure: the likeliest answer is polyp, with 0.400 on average.");
  one.score = std::numeric_limits<double>::quiet_NaN();
  CHECK(say({}, "drawn at random.") == "Drawn at random.");
}

TEST_CASE("without images there is no pixel in the report, with pseudonyms no name", "[report]") {
  Fixture fixture;
  fixture.state["excluded"] = Json::array({Json({{"candidate", 3},
                                                 {"id", "0"},
                                                 {"path", "polyp/smith.png"},
                                                 {"reason", "polyp/smith.png is broken."}})});
  io::ReportOptions options;
  options.images = false;
  options.pseudonyms = true;
  const std::string html = fixture.html(options);
  CHECK(html.find("data:image") == std::string::npos);
  CHECK(html.find("<img") == std::string::npos);
  for (const std::string& name : {std::string("a.png"), std::string("b.png"), std::string("smith"),
                                  std::string("jones"), fixture.dir.path().string()}) {
    CAPTURE(name);
    CHECK(html.find(name) == std::string::npos);
  }
  CHECK_THAT(html, ContainsSubstring("image 0"));
  CHECK_THAT(html, ContainsSubstring("image 1"));
  CHECK_THAT(html, ContainsSubstring("group 0"));
  CHECK_THAT(html, ContainsSubstring("group 1"));
  CHECK_THAT(html, ContainsSubstring("1 image could not be read"));
  CHECK(html == fixture.html(options));  // stable
}

TEST_CASE("a report caps its pictures and says so", "[report]") {
  const Fixture fixture;
  io::ReportOptions options;
  options.max_pictures = 5;  // both candidates, and the views of one
  const std::string html = fixture.html(options);
  CHECK(pictures(html).size() == 5);
  CHECK(count(html, "class='whole'") == 2);
  CHECK_THAT(html, ContainsSubstring("views of 1 image are left out"));
}

TEST_CASE("a report shows a run that is not finished, or has no figures", "[report]") {
  Fixture fixture;
  SECTION("a query without answers") {
    Json round = finished(2, 0, 0, Json::array({pick(0, "polyp/a.png", "", -1)}));
    round["metrics"]["samples"] = 0;
    fixture.state["pending"] = round;
    fixture.state["stop"] = nullptr;
    const std::string html = fixture.html();
    CHECK_THAT(html, ContainsSubstring("not finished"));
    CHECK_THAT(html, ContainsSubstring("Reader: <b>no label</b>"));
    CHECK_THAT(html, ContainsSubstring("1 label asked, 2 in all"));
  }
  SECTION("no test set") {
    for (Json& round : fixture.state["rounds"]) {
      round["metrics"] = {{"auc", nullptr},
                          {"accuracy", nullptr},
                          {"balanced_accuracy", nullptr},
                          {"log_loss", nullptr},
                          {"samples", 0}};
    }
    const std::string html = fixture.html();
    CHECK_THAT(html, ContainsSubstring("No curve"));
    CHECK(html.find("nan") == std::string::npos);
  }
  SECTION("nothing at all yet") {
    fixture.state["rounds"] = Json::array();
    CHECK_THAT(fixture.html(), ContainsSubstring("No curve"));
  }
  SECTION("no config.toml, as of another application") {
    const fs::path run = fixture.folder();
    fs::remove(run / "config.toml");
    io::write_report(std::span(&run, 1), {}, fixture.dir / "report.html");
    CHECK_THAT(test::read_file(fixture.dir / "report.html"),
               ContainsSubstring("views are not shown"));
  }
  SECTION("picked by a network with classes of its own") {
    Json& one = fixture.state["rounds"][0]["picks"][0];
    one["dominant"] = 417;
    one["probabilities"] = Json::array();
    const std::string html = fixture.html();
    CHECK_THAT(html, ContainsSubstring("<em>dropped</em>"));
  }
  SECTION("a rule that makes no score") {
    for (Json& round : fixture.state["rounds"]) {
      Json& one = round["picks"][0];
      one["score"] = one["entropy"] = one["diversity"] = nullptr;
      one["kept"] = one["probabilities"] = Json::array();
      one["patches"] = 0;
      one["dominant"] = -1;
    }
    const std::string html = fixture.html();
    CHECK_THAT(html, ContainsSubstring("without asking the network"));
    CHECK(html.find("<strong>dropped</strong>") == std::string::npos);
    CHECK(html.find("score <b>") == std::string::npos);
  }
  SECTION("data that says itself that it is generated") {
    fixture.state["synthetic"] = "Drawn by a program <for tests>.";
    const std::string html = fixture.html();
    CHECK_THAT(html, ContainsSubstring("Drawn by a program &lt;for tests&gt;."));
    CHECK(count(html, "<span class='tag'>SYNTHETIC DATA</span>") == count(html, "<h2 "));
  }
  SECTION("generated data") {
    fixture.config.insert(fixture.config.find("model ="), "synthetic = true\n");
    CHECK_THAT(fixture.html(),
               ContainsSubstring("SYNTHETIC DATA.</strong> This run used generated images"));
  }
}

TEST_CASE("a run that kept one class of each pick, and one with a start set", "[report]") {
  Fixture fixture;
  const std::string before = fixture.html();
  fixture.state["version"] = 2;
  const auto shorten = [](Json& round) {
    for (Json& one : round["picks"]) {
      const Json all = one["probabilities"];
      one["top"] = Json::array({Json::array({1, 0.6041666666666666})});
      one["probabilities"] = Json::array();
      for (std::size_t i = 1; i < all.size(); i += 2)
        one["probabilities"].push_back(all[i]);
    }
  };
  for (Json& round : fixture.state["rounds"])
    shorten(round);
  if (!fixture.state["pending"].is_null()) shorten(fixture.state["pending"]);
  CHECK(fixture.html() == before);  // the same figures from a shorter record

  fixture.state["rounds"][0]["rule"] = "start set";
  const std::string html = fixture.html();
  CHECK_THAT(html, ContainsSubstring("these labels came with the data set"));
  CHECK(count(html, "class='rank'") < count(before, "class='rank'"));
}

TEST_CASE("several runs are compared, seeds of one setting with their mean", "[report]") {
  Fixture fixture;
  std::vector<fs::path> runs = {fixture.folder("runs/seed-7")};
  fixture.config = std::regex_replace(fixture.config, std::regex("seed = 7"), "seed = 8");
  for (Json& round : fixture.state["rounds"])
    round["metrics"]["auc"] = round["metrics"]["auc"].get<double>() - 0.0625;
  runs.push_back(fixture.folder("runs/seed-8"));
  fixture.config = std::regex_replace(fixture.config, std::regex("\"aift\""), "\"random\"");
  runs.push_back(fixture.folder("runs/other"));
  runs.push_back(fixture.folder("more/other"));  // its name is not enough to tell it by
  io::write_report(runs, {}, fixture.dir / "named.html");
  const std::string named = test::read_file(fixture.dir / "named.html");
  CHECK_THAT(named, ContainsSubstring(">seed-7</a>"));
  CHECK(count(named, ">other, seed 8</a>") == 2);
  runs.pop_back();
  io::write_report(runs, {}, fixture.dir / "all.html");
  const std::string html = test::read_file(fixture.dir / "all.html");
  CHECK_THAT(html, ContainsSubstring(">other</a>"));
  CHECK_THAT(html, ContainsSubstring("3 learning runs compared"));
  CHECK_THAT(html, ContainsSubstring("aift (mean of 2)"));
  CHECK_THAT(html,
             ContainsSubstring("aift (mean of 2): 2 labels, AUC 0.844"));  // (0.875 + 0.8125) / 2
  CHECK_THAT(html, ContainsSubstring("other, round 1: 2 labels, AUC 0.812"));
  // t(1) = 12.706, s / sqrt(2) = 0.03125
  CHECK_THAT(html, ContainsSubstring("aift (mean of 2): 2 labels, AUC 0.844 ± 0.397"));
  CHECK(count(html, "class='s0 thin'") == 2 * 4 * 2);  // two runs, four figures, two axes
  CHECK_THAT(html, ContainsSubstring("One group has one seed only"));
  CHECK_THAT(html, ContainsSubstring("one seed, no interval"));
  // aift minus random in the pair of seed 8: the same figures
  CHECK_THAT(html, ContainsSubstring("data-th='Difference'>+0.000</td>"));
  CHECK_THAT(html, ContainsSubstring("data-th='Difference'>baseline</td>"));
}

TEST_CASE("what is no run makes no report and leaves the one that is there", "[report]") {
  Fixture fixture;
  fixture.dir.write("report.html", "before");
  const auto refused = [&](const fs::path& run, const std::string& message) {
    CHECK_THROWS_WITH(io::write_report(std::span(&run, 1), {}, fixture.dir / "report.html"),
                      ContainsSubstring(message));
    CHECK(test::read_file(fixture.dir / "report.html") == "before");
  };
  refused(fixture.dir / "nowhere", "holds no run");
  const fs::path run = fixture.folder();
  fixture.dir.write("runs/first/state.json", fixture.state.dump().substr(0, 300));
  refused(run, "is not the state of a run");
  Json changed = fixture.state;
  changed["rounds"][0]["picks"][0]["kept"] = Json::array({7});
  fixture.dir.write("runs/first/state.json", changed.dump());
  refused(run, "is not the state of a run");
  changed = fixture.state;
  changed["rounds"][0]["picks"][0]["dominant"] = 5;  // no such class, with probabilities of two
  fixture.dir.write("runs/first/state.json", changed.dump());
  refused(run, "is not the state of a run");
  changed = fixture.state;
  changed["version"] = 99;
  fixture.dir.write("runs/first/state.json", changed.dump());
  refused(run, "version 99");
  fixture.dir.write("runs/first/state.json", fixture.state.dump());
  fixture.dir.write("runs/first/config.toml", "[run\n");
  refused(run, "is not TOML: line 1");
  CHECK_THROWS_AS(io::write_report({}, {}, fixture.dir / "report.html"), ValueError);
}

TEST_CASE("text is escaped for HTML", "[report]") {
  using io::report::escape;
  CHECK(escape("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
  CHECK(escape("Größe \xE2\x82\xAC") == "Größe \xE2\x82\xAC");
  CHECK(escape("\xFF") == "\xEF\xBF\xBD");                  // no UTF-8
  CHECK(escape("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");  // a longer form of '/'
  CHECK(escape("\x1B[31m") == "\xEF\xBF\xBD[31m");          // a terminal escape
  CHECK(escape("a\xE2\x80\xAEgnp.exe") ==
        "a\xEF\xBF\xBDgnp.exe");                            // turns the direction of writing
  CHECK(escape("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");  // cut short
}

TEST_CASE("base64 agrees with RFC 4648", "[report]") {
  const auto encode = [](std::string_view text) {
    return io::report::base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  CHECK(encode("").empty());
  CHECK(encode("f") == "Zg==");
  CHECK(encode("fo") == "Zm8=");
  CHECK(encode("foo") == "Zm9v");
  CHECK(encode("foobar") == "Zm9vYmFy");
  CHECK(encode("\xFB\xFF\xBF") == "+/+/");
}

TEST_CASE("figures for people", "[report]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(io::report::figure(1.23456) == "1.235");
  CHECK(io::report::figure(nan) == "n/a");
  CHECK(io::report::share(0.5) == "0.500");
  CHECK(io::report::duration(8.16) == "8.2 s");
  CHECK(io::report::duration(59.97) == "1 min 00 s");
  CHECK(io::report::duration(599.4) == "9 min 59 s");
  CHECK(io::report::duration(652) == "11 min");
  CHECK(io::report::duration(3569) == "59 min");
  CHECK(io::report::duration(3599.7) == "1 h 00 min");
  CHECK(io::report::duration(7865) == "2 h 11 min");
  CHECK(io::report::round_ticks(0, 120, 8) == std::vector<double>{0, 20, 40, 60, 80, 100, 120});
  CHECK(io::report::round_ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
}
