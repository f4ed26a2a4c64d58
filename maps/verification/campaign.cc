// SPDX-License-Identifier: Apache-2.0
//
// Many histories of every contestant that is linked in, and figures.json.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "maps/verification/clock.h"
#include "maps/verification/contestant.h"
#include "maps/verification/controls.h"
#include "maps/verification/litmus.h"
#include "maps/verification/verify.h"

namespace cmap::verification {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSchema = "linearizability/1";
constexpr std::string_view kHelp =
    R"(Records and checks histories of every contestant and holds it against the litmus
patterns (litmus.h); writes figures.json. Run it alone on the machine.

  --parts A,B         histories, litmus (default: both)
  --histories N       of keys, for each contestant (default 100000)
  --map_histories N   of the whole map (default: a quarter of them)
  --controls N        histories of each kind for each negative control (default 2000; of one
                      that is found only on two idle processors 50 times as many)
  --litmus N          rounds of each litmus pattern (default 1000000)
  --seed N            (default 1)
  --seconds N         at most, for each contestant (default: no limit)
  --only A,B          these contestants or controls; the file keeps the others' entries
  --out FILE          (default: maps/verification/figures.json in the workspace)

Exits with 1 when a contestant violates linearizability, shows an outcome that real
time forbids, or crashes.
)";

struct Flags {
  std::uint64_t histories = 100'000;
  std::uint64_t map_histories = 0;
  std::uint64_t controls = 2000;
  std::uint64_t litmus = 1'000'000;
  bool do_histories = true, do_litmus = true;
  std::uint64_t seed = 1;
  double seconds = 0;
  std::set<std::string> only;
  std::string out;
};

std::uint64_t Number(const std::string& flag, const std::string& text) {
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || text[0] == '-') {
    throw std::invalid_argument(flag + " takes a number, not '" + text + "'");
  }
  return number;
}

Flags Parse(int argc, char** argv) {
  Flags flags;
  if (const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY"); workspace && *workspace) {
    flags.out = std::string(workspace) + "/maps/verification/figures.json";
  }
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    if (name == "--help") {
      std::cout << kHelp;
      std::exit(0);
    }
    if (const auto equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (++i < argc) {
      value = argv[i];
    }
    // As an unset variable of a shell gives it: neither all contestants nor the usual file.
    if (name.starts_with("--") && value.find_first_not_of(' ') == std::string::npos) {
      throw std::invalid_argument(name + " is given nothing; give it a value, or leave it out");
    }
    if (name == "--histories") {
      flags.histories = Number(name, value);
    } else if (name == "--map_histories") {
      flags.map_histories = Number(name, value);
    } else if (name == "--controls") {
      flags.controls = Number(name, value);
    } else if (name == "--litmus") {
      flags.litmus = Number(name, value);
    } else if (name == "--parts") {
      flags.do_histories = flags.do_litmus = false;
      std::stringstream parts(value);
      for (std::string one; std::getline(parts, one, ',');) {
        if (one != "histories" && one != "litmus") {
          throw std::invalid_argument("--parts knows histories and litmus, not '" + one + "'");
        }
        (one == "litmus" ? flags.do_litmus : flags.do_histories) = true;
      }
    } else if (name == "--seed") {
      flags.seed = Number(name, value);
    } else if (name == "--seconds") {
      flags.seconds = static_cast<double>(Number(name, value));
    } else if (name == "--out") {
      flags.out = value;
    } else if (name == "--only") {
      std::stringstream names(value);
      for (std::string one; std::getline(names, one, ',');) flags.only.insert(one);
    } else {
      throw std::invalid_argument("unknown flag '" + name + "'; --help lists them");
    }
  }
  if (flags.map_histories == 0) flags.map_histories = flags.histories / 4;
  if (flags.out.empty()) {
    throw std::invalid_argument("say where to write with --out, or use `bazel run`");
  }
  return flags;
}

// In a process of its own, so that a crash is one line of the result.
Json InChild(const std::function<Json()>& work) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  std::cout.flush();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    close(ends[0]);
    const std::string text = work().dump();
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = write(ends[1], text.data() + done, text.size() - done);
      if (n <= 0) _exit(2);
      done += static_cast<std::size_t>(n);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    return {{"crashed", "ended by signal " + std::to_string(WTERMSIG(status))}};
  }
  if (status != 0) return {{"crashed", "ended with a failure"}};
  return Json::parse(text);
}

Json ContestantEntry(const Contestant& contestant, const Options& options) {
  const Report r = VerifySubject(contestant.subject, options);
  if (!r.not_applicable.empty()) return {{"excluded", r.not_applicable}};
  for (const std::string& text : r.counterexamples) std::cout << text << std::endl;
  return {
      {"histories", r.histories},
      {"map_histories", r.map_histories},
      {"operations", r.operations},
      {"longest", r.longest},
      {"threads", {r.min_threads, r.max_threads}},
      {"keys", {r.min_keys, r.max_keys}},
      {"perturbed", r.perturbed_accesses != 0 ? "accesses" : "calls"},
      {"perturbed_accesses", r.perturbed_accesses},
      {"configurations", r.configurations},
      {"violations", r.violations},
      {"first_violation", r.first_violation},
      {"seed", r.seed},
      {"seconds", static_cast<std::uint64_t>(r.seconds + 0.5)},
  };
}

Json ControlEntry(const Control& control, const Flags& flags) {
  Options options;
  options.seed = flags.seed;
  options.histories = options.map_histories = flags.controls * (control.needs_processors ? 50 : 1);
  options.stop_at_first = false;
  options.keep = 1;
  const Report r = VerifySubject(control.subject(control.name), options);
  if (r.violations != 0) std::cout << r.counterexamples[0] << std::endl;
  options.perturbation = 0;
  const Report undisturbed = VerifySubject(control.subject(control.name), options);
  return {
      {"flawed", control.what},
      {"must_fail", control.flawed},
      {"histories", r.histories},
      {"map_histories", r.map_histories},
      {"violations", r.violations},
      {"first_violation", r.first_violation},
      {"unperturbed_violations", undisturbed.violations},
  };
}

Json LitmusEntry(const testing::Subject& subject, const Flags& flags) {
  LitmusOptions options;
  options.rounds = flags.litmus;
  options.seed = flags.seed;
  options.seconds = flags.seconds;
  Json patterns = Json::object();
  for (const LitmusResult& result : RunLitmus(subject, options)) {
    Json& entry = patterns[std::string(result.pattern)];
    if (result.skipped.empty()) {
      entry = {{"rounds", result.rounds},
               {"together", result.together},
               {"forbidden", result.forbidden}};
    } else {
      entry = {{"skipped", result.skipped}};
    }
  }
  return patterns;
}

std::uint64_t Forbidden(const Json& patterns) {
  std::uint64_t sum = 0;
  for (const auto& [name, entry] : patterns.items()) sum += entry.value("forbidden", 0u);
  return sum;
}

void Write(const Json& figures, const std::string& path) {
  const std::string fresh = path + ".new";
  {
    std::ofstream file(fresh);
    file << figures.dump(1) << "\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + fresh);
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) {
    throw std::runtime_error("cannot write " + path);
  }
}

// How many failed.
int DoHistories(const Flags& flags, Json& figures) {
  Options options;
  options.seed = flags.seed;
  options.histories = flags.histories;
  options.map_histories = flags.map_histories;
  options.seconds = flags.seconds;
  options.stop_at_first = false;
  int failures = 0;
  for (const Contestant& contestant : Contestants()) {
    const std::string& name = contestant.name;
    if (!flags.only.empty() && !flags.only.contains(name)) continue;
    const Json entry = InChild([&] { return ContestantEntry(contestant, options); });
    std::cout << name << ": " << entry.dump() << std::endl;
    figures["contestants"].erase(name);
    figures["excluded"].erase(name);
    if (entry.contains("excluded")) {
      figures["excluded"][name] = entry["excluded"];
    } else if (entry.contains("crashed")) {
      ++failures;
    } else {
      figures["contestants"][name] = entry;
      failures += entry["violations"] != 0;
    }
    Write(figures, flags.out);
  }
  if (flags.controls != 0) {
    if (flags.only.empty()) figures["controls"] = Json::object();
    for (const Control& control : Controls()) {
      if (!flags.only.empty() && !flags.only.contains(std::string(control.name))) continue;
      const Json entry = InChild([&] { return ControlEntry(control, flags); });
      std::cout << control.name << ": " << entry.dump() << std::endl;
      if (entry.contains("crashed")) {
        ++failures;
        continue;
      }
      figures["controls"][std::string(control.name)] = entry;
      failures += control.flawed != (entry["violations"] != 0);
    }
    Write(figures, flags.out);
  }
  return failures;
}

// How many showed what is forbidden, or crashed; and controls that did not.
int DoLitmus(const Flags& flags, const std::set<std::string>& known, Json& figures) {
  Json& litmus = figures["litmus"];
  litmus["rounds"] = flags.litmus;
  litmus["patterns"] = Json::array();
  for (const LitmusPattern& p : LitmusPatterns()) {
    litmus["patterns"].push_back({{"name", p.name}, {"kind", p.kind}, {"what", p.what}});
  }
  for (const char* part : {"contestants", "excluded", "controls"}) {
    Json kept = Json::object();
    for (const auto& [name, entry] : litmus[part].items()) {
      if (known.contains(name)) kept[name] = entry;
    }
    litmus[part] = kept;
  }
  int failures = 0;
  for (const Contestant& contestant : Contestants()) {
    const std::string& name = contestant.name;
    if (!flags.only.empty() && !flags.only.contains(name)) continue;
    litmus["contestants"].erase(name);
    litmus["excluded"].erase(name);
    if (const std::string why = LitmusNotApplicable(contestant.subject.traits); !why.empty()) {
      litmus["excluded"][name] = why;
      continue;
    }
    const Json entry = InChild([&] { return LitmusEntry(contestant.subject, flags); });
    std::cout << name << ": " << entry.dump() << std::endl;
    if (entry.contains("crashed")) {
      ++failures;
      continue;
    }
    litmus["contestants"][name] = entry;
    failures += Forbidden(entry) != 0;
    Write(figures, flags.out);
  }
  for (const Control& control : Controls()) {
    const std::string name(control.name);
    if (!control.litmus || (!flags.only.empty() && !flags.only.contains(name))) continue;
    const Json entry =
        InChild([&] { return LitmusEntry(control.subject(control.name), flags); });
    std::cout << name << ": " << entry.dump() << std::endl;
    litmus["controls"][name] = {
        {"flawed", control.what}, {"must_fail", control.flawed}, {"patterns", entry}};
    failures += control.flawed != (Forbidden(entry) != 0);
  }
  Write(figures, flags.out);
  return failures;
}

int Run(const Flags& flags) {
  std::set<std::string> known;
  for (const Contestant& c : Contestants()) known.insert(c.name);
  for (const Control& c : Controls()) known.emplace(c.name);
  for (const std::string& name : flags.only) {
    if (!known.contains(name)) {
      throw std::invalid_argument("no contestant and no control is called '" + name + "'");
    }
  }
  Json figures;
  if (std::ifstream file(flags.out); file) {
    figures = Json::parse(file, nullptr, false);
    if (!figures.is_object() || figures.value("schema", "") != kSchema) figures = Json();
  }
  figures["schema"] = kSchema;
  const std::string command = "tools/bazel run //maps/verification:campaign -- --seed " +
                              std::to_string(flags.seed) + " --seconds " +
                              std::to_string(static_cast<int>(flags.seconds));
  if (flags.do_histories) {
    figures["generated_by"] = command + " --parts histories --histories " +
                              std::to_string(flags.histories) + " --map_histories " +
                              std::to_string(flags.map_histories);
    figures["clock"] = ClockName();
  }
  if (flags.do_litmus) {
    figures["litmus"]["generated_by"] =
        command + " --parts litmus --litmus " + std::to_string(flags.litmus);
  }
#if defined(__x86_64__)
  figures["architecture"] = "x86_64";
#else
  figures["architecture"] = "aarch64";
#endif
  figures["cpus"] = std::thread::hardware_concurrency();
  for (const char* part : {"contestants", "excluded", "controls"}) {
    if (!figures[part].is_object()) figures[part] = Json::object();
  }
  // What is not in the list any more.
  for (const char* part : {"contestants", "excluded"}) {
    Json kept = Json::object();
    for (const auto& [name, entry] : figures[part].items()) {
      if (known.contains(name)) kept[name] = entry;
    }
    figures[part] = kept;
  }
  int failures = 0;
  if (flags.do_histories) failures += DoHistories(flags, figures);
  if (flags.do_litmus) failures += DoLitmus(flags, known, figures);
  std::cout << flags.out << ": " << figures["contestants"].size() << " contestants, "
            << figures["excluded"].size() << " excluded; " << failures << " failed here.\n";
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace cmap::verification

int main(int argc, char** argv) {
  try {
    return cmap::verification::Run(cmap::verification::Parse(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "campaign: " << e.what() << ".\n";
    return 2;
  }
}
