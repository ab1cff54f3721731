#include "engine/skip_round.h"

#include <unordered_set>

#include "engine/glob.h"

namespace ostree {

void SkipRound::Add(const std::string& path, const Owner& owner, uint64_t size) {
  auto names = SplitPath(path);
  auto at = base_;
  for (size_t depth = 0; depth < names.size(); depth++) {
    at.append("/").append(names[depth]);
    if (depth + 1 < names.size())
      levels_[depth].try_emplace(at, SkipQuestion{at, parents_, 0});
    else
      levels_[depth].insert_or_assign(at, SkipQuestion{at, owner, size});
  }
}

void SkipRound::Ask(Rules& rules) {
  std::unordered_set<std::string> left_out;
  for (const auto& [depth, level] : levels_) {
    std::vector<SkipQuestion> questions;
    for (const auto& [path, question] : level) {
      if (left_out.contains(path.substr(0, path.rfind('/'))))
        left_out.insert(path);
      else
        questions.push_back(question);
    }
    auto answers = rules.Ask(questions);
    for (size_t i = 0; i < questions.size(); i++)
      if (answers[i]) left_out.insert(questions[i].path);
  }
}

}  // namespace ostree
