#include "skip_questions.h"

#include <algorithm>

namespace ostree {
namespace {

// So many are one message: JavaScript answers them in one turn of its event loop.
constexpr size_t kBatch = 256;

void AppendNumber(std::string& bytes, uint64_t number, int width) {
  for (int shift = 0; shift < width; shift += 8) bytes += static_cast<char>(number >> shift);
}

// Little-endian: how many bytes follow; then of each file its mode, owner and group (4 bytes each), its size
// (8), how long its path is (4), and the path. lib/skip-questions.ts reads it.
std::string Message(const std::vector<SkipQuestion>& questions, size_t begin, size_t end) {
  std::string body;
  for (size_t i = begin; i < end; i++) {
    const auto& [path, owner, size] = questions[i];
    for (auto number : {owner.mode, owner.uid, owner.gid}) AppendNumber(body, number, 32);
    AppendNumber(body, size, 64);
    AppendNumber(body, path.size(), 32);
    body += path;
  }
  std::string message;
  AppendNumber(message, body.size(), 32);
  return message + body;
}

void ReadAll(ByteChannel& channel, char* data, size_t size, GCancellable* cancellable) {
  while (size > 0) {
    size_t count = channel.Read(data, size, cancellable);
    if (count == 0) throw Failure("FAILED", "Nobody answers any more which files to leave out");
    data += count;
    size -= count;
  }
}

}  // namespace

AskSkips AskThrough(std::shared_ptr<ByteChannel> channel, GCancellable* cancellable) {
  // Whoever answers is told when nobody asks any more.
  auto asker = std::shared_ptr<ByteChannel>(channel.get(), [channel](ByteChannel* it) { it->Close(); });
  return [asker, cancellable](const std::vector<SkipQuestion>& questions) {
    std::vector<bool> answers;
    for (size_t begin = 0; begin < questions.size(); begin += kBatch) {
      size_t end = std::min(begin + kBatch, questions.size());
      auto message = Message(questions, begin, end);
      asker->Write(message.data(), message.size(), cancellable);
      std::string answer(end - begin, '\0');
      ReadAll(*asker, answer.data(), answer.size(), cancellable);
      for (char one : answer) answers.push_back(one != 0);
    }
    return answers;
  };
}

}  // namespace ostree
