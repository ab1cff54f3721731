#include "engine/compare.h"

#include <sys/stat.h>

#include <algorithm>

#include "core/failure.h"
#include "engine/batches.h"

namespace ostree {
namespace {

// Damaged trees may grow without end; JavaScript could not hold what they make either.
constexpr size_t kMaxBytes = 512 << 20;

// What may differ. Both sides have it, or one.
struct Candidate {
  struct Place {
    const SideDir* dir;
    SideEntry entry;
  };
  std::optional<Place> from, to;

  std::string Path() const {
    const auto& place = from ? *from : *to;
    return place.dir->Path(place.entry.name);
  }
};

// Finds the candidates: the thread that owns it.
class PairWalk {
 public:
  PairWalk(Side& from, Side& to) : from_(from), to_(to) {}

  std::vector<Candidate> Run() {
    todo_.push_back({&from_.Root(), &to_.Root()});
    while (!todo_.empty()) {
      auto task = todo_.back();
      todo_.pop_back();
      Naming(task.to->path, [&] { task.from ? Merge(*task.from, *task.to) : AddAll(*task.to); });
    }
    return std::move(found_);
  }

 private:
  struct Task {
    SideDir* from;  // null: the directory was added
    SideDir* to;
  };

  template <class Fn>
  static void Naming(const std::string& path, Fn fn) {
    try {
      fn();
    } catch (Failure& failure) {
      if (!failure.path) failure.path = ValidUtf8(path);
      throw;
    }
  }

  void Merge(SideDir& from, SideDir& to) {
    if (from.contents && from.contents == to.contents) return;
    auto before = from_.List(from), after = to_.List(to);
    auto a = before.begin();
    auto b = after.begin();
    while (a != before.end() || b != after.end()) {
      int order = a == before.end() ? 1 : b == after.end() ? -1 : a->name.compare(b->name);
      if (order < 0) Add({{{&from, std::move(*a++)}}, {}});
      if (order > 0) AddOne(to, *b++);
      if (order == 0) Pair(from, *a++, to, *b++);
    }
  }

  void Pair(const SideDir& from, const SideEntry& a, const SideDir& to, const SideEntry& b) {
    if (a.is_directory && b.is_directory && !(a.contents && a.contents == b.contents))
      Push({&from_.Enter(from, a), &to_.Enter(to, b)});
    bool same = a.checksum && a.checksum == b.checksum && a.is_directory == b.is_directory;
    if (!same) Add({{{&from, a}}, {{&to, b}}});
  }

  void AddAll(SideDir& dir) {
    for (const auto& entry : to_.List(dir)) AddOne(dir, entry);
  }

  void AddOne(const SideDir& dir, const SideEntry& entry) {
    if (entry.is_directory) Push({nullptr, &to_.Enter(dir, entry)});
    Add({{}, {{&dir, entry}}});
  }

  void Push(Task task) {
    Charge(task.to->path.size() + sizeof(SideDir));
    todo_.push_back(task);
  }

  void Add(Candidate candidate) {
    const auto& place = candidate.from ? *candidate.from : *candidate.to;
    Charge(place.dir->path.size() + place.entry.name.size() + sizeof candidate);
    found_.push_back(std::move(candidate));
  }

  void Charge(size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > kMaxBytes) throw Failure("TOO_LARGE", "There are more differences than memory can hold");
  }

  Side& from_;
  Side& to_;
  std::vector<Task> todo_;
  std::vector<Candidate> found_;
  size_t bytes_ = 0;
};

bool SameXattrs(const Xattrs& a, const Xattrs& b) {
  auto count = [](const Xattrs& xattrs) { return xattrs ? g_variant_n_children(xattrs.get()) : 0; };
  if (count(a) == 0 || count(b) == 0) return count(a) == count(b);
  return g_variant_equal(a.get(), b.get());
}

// The kinds that libostree knows: whatever is neither file, directory nor link is one.
mode_t KindOf(const DiskFile& file) {
  auto type = file.owner.mode & S_IFMT;
  return type == S_IFREG || type == S_IFDIR || type == S_IFLNK ? type : 0;
}

// Says what differs in one candidate: a thread's own.
class Judge {
 public:
  Judge(const Side& from, const Side& to) : from_(from.NewReader()), to_(to.NewReader()) {}

  std::optional<Difference> Compare(const Candidate& candidate) {
    Difference result;
    result.path = candidate.Path();
    try {
      if (candidate.from && candidate.to) return Pair(candidate, result);
      if (candidate.from) result.from = Look(*from_, *candidate.from);
      if (candidate.to) result.to = Look(*to_, *candidate.to);
      return result;
    } catch (Failure& failure) {
      if (!failure.path) failure.path = ValidUtf8(result.path);
      throw;
    }
  }

 private:
  using Place = Candidate::Place;

  std::optional<Difference> Pair(const Candidate& candidate, Difference& result) {
    const auto& a = *candidate.from;
    const auto& b = *candidate.to;
    if (a.entry.is_directory != b.entry.is_directory) {
      result.from = Look(*from_, a);
      result.to = Look(*to_, b);
      result.aspects = Difference::kType;
      return result;
    }
    auto before = from_->Identify(*a.dir, a.entry);
    if (before == to_->Identify(*b.dir, b.entry)) return {};
    result.from = {from_->Describe(*a.dir, a.entry), ObjectOf(a.entry)};
    result.to = {to_->Describe(*b.dir, b.entry), ObjectOf(b.entry)};
    result.aspects = AspectsOf(result.from->file, result.to->file);
    if (result.aspects == 0 || (MayShareContent(result) && !SameContent(result, before, b)))
      result.aspects |= Difference::kContent;
    return result;
  }

  static Difference::Version Look(SideReader& reader, const Place& place) {
    return {reader.Look(*place.dir, place.entry), ObjectOf(place.entry)};
  }

  static std::optional<Checksum> ObjectOf(const SideEntry& entry) {
    return entry.is_directory ? std::nullopt : entry.checksum;
  }

  static unsigned AspectsOf(const DiskFile& a, const DiskFile& b) {
    if (KindOf(a) != KindOf(b)) return Difference::kType;
    unsigned aspects = 0;
    if (a.owner.mode != b.owner.mode) aspects |= Difference::kMode;
    if (a.owner.uid != b.owner.uid || a.owner.gid != b.owner.gid) aspects |= Difference::kOwner;
    if (!SameXattrs(a.xattrs, b.xattrs)) aspects |= Difference::kXattrs;
    if (a.target != b.target) aspects |= Difference::kTarget;
    if (S_ISREG(a.owner.mode) && a.size != b.size) aspects |= Difference::kContent;
    return aspects;
  }

  // Regular files of one size, whose metadata differs.
  static bool MayShareContent(const Difference& difference) {
    return S_ISREG(difference.from->file.owner.mode) && S_ISREG(difference.to->file.owner.mode) &&
           !(difference.aspects & Difference::kContent);
  }

  // Whether the new content, with the old metadata, is the old file.
  bool SameContent(const Difference& difference, const Checksum& before, const Place& after) {
    const auto& old = difference.from->file;
    return to_->HashContent(*after.dir, after.entry, ContentHeader(old.owner, "", old.xattrs)) == before;
  }

  const std::unique_ptr<SideReader> from_, to_;
};

}  // namespace

std::vector<Difference> Compare(Side& from, Side& to, GCancellable* cancellable) {
  auto candidates = PairWalk(from, to).Run();
  std::vector<std::optional<Difference>> judged(candidates.size());
  auto new_judge = [&] { return std::make_unique<Judge>(from, to); };
  RunInBatches(candidates.size(), cancellable, new_judge,
               [&](Judge& judge, size_t i) { judged[i] = judge.Compare(candidates[i]); });

  std::vector<Difference> result;
  for (auto& difference : judged)
    if (difference) result.push_back(std::move(*difference));
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return result;
}

}  // namespace ostree
