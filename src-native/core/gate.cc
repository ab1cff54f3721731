#include "gate.h"

#include <sys/stat.h>

namespace ostree {

struct Gate::Ticket {
  std::shared_ptr<Gate> gate;
  std::list<std::string>::iterator place;
  Kind kind;

  Ticket(std::shared_ptr<Gate> gate, std::list<std::string>::iterator place, Kind kind)
      : gate(std::move(gate)), place(place), kind(kind) {}
  Ticket(const Ticket&) = delete;
  ~Ticket() { gate->Leave(place, kind); }
};

class Gate::Passage final : public Executor {
 public:
  Passage(std::shared_ptr<Gate> gate, Kind kind, std::string what, std::shared_ptr<Executor> inner)
      : gate_(std::move(gate)), kind_(kind), what_(std::move(what)), inner_(std::move(inner)) {}

  void Post(std::shared_ptr<Operation> operation) override {
    operation->set_waiting([gate = gate_] { return gate->InTheWay(); });
    gate_->Enter({kind_, what_, std::move(operation), inner_});
  }

 private:
  std::shared_ptr<Gate> gate_;
  Kind kind_;
  std::string what_;
  std::shared_ptr<Executor> inner_;
};

std::shared_ptr<Gate> Gate::ForDirectory(int fd) {
  // Never destroyed, as all state that a thread may reach while the process exits.
  static auto* mutex = new std::mutex;
  static auto* gates = new std::map<std::pair<dev_t, ino_t>, std::weak_ptr<Gate>>;

  struct stat st;
  if (fstat(fd, &st) < 0) throw Failure::Errno("fstat", "repository");
  std::lock_guard lock(*mutex);
  std::erase_if(*gates, [](const auto& entry) { return entry.second.expired(); });
  auto& known = (*gates)[{st.st_dev, st.st_ino}];
  auto gate = known.lock();
  if (!gate) known = gate = std::make_shared<Gate>();
  return gate;
}

std::shared_ptr<Executor> Gate::Pass(Kind kind, std::string what, std::shared_ptr<Executor> inner) {
  return std::make_shared<Passage>(shared_from_this(), kind, std::move(what), std::move(inner));
}

std::shared_ptr<Executor> Gate::Queue(const std::string& name) {
  std::lock_guard lock(mutex_);
  std::erase_if(queues_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = queues_[name];
  auto queue = known.lock();
  if (!queue) known = queue = std::make_shared<Strand>();
  return queue;
}

bool Gate::MayEnter(Kind kind) const { return !exclusive_ && (kind == Kind::kShared || shared_ == 0); }

std::shared_ptr<Gate::Ticket> Gate::Admit(const Visit& visit) {
  visit.kind == Kind::kShared ? void(shared_++) : void(exclusive_ = true);
  auto place = inside_.insert(inside_.end(), visit.what);
  return std::make_shared<Ticket>(shared_from_this(), place, visit.kind);
}

void Gate::Enter(Visit visit) {
  std::shared_ptr<Ticket> ticket;
  {
    std::lock_guard lock(mutex_);
    if (!MayEnter(visit.kind)) {
      waiting_.push_back(std::move(visit));
      return;
    }
    ticket = Admit(visit);
  }
  visit.operation->set_ticket(ticket);
  if (visit.operation->Admit())
    visit.inner->Post(visit.operation);
  else
    visit.operation->set_ticket(nullptr);
}

void Gate::Leave(std::list<std::string>::iterator place, Kind kind) {
  // Not under the mutex, which the JS thread may wait for: what is over goes with all that it holds.
  std::list<Visit> next;
  {
    std::lock_guard lock(mutex_);
    inside_.erase(place);
    kind == Kind::kShared ? void(shared_--) : void(exclusive_ = false);
    next.swap(waiting_);
  }
  // All of them try again: each that may not enter goes back to the end, in order.
  for (auto& visit : next)
    if (!visit.operation->done()) Enter(std::move(visit));
}

Failure Gate::InTheWay() {
  std::lock_guard lock(mutex_);
  std::string what = inside_.empty() ? "another operation" : inside_.front();
  Failure failure("LOCKED", "The repository is in use by this process: " + what +
                                "; wait for it to end, or work through its own handle");
  GVariantDict details;
  g_variant_dict_init(&details, nullptr);
  g_variant_dict_insert(&details, "holder", "s", "this-process");
  g_variant_dict_insert(&details, "heldBy", "s", what.c_str());
  failure.details = Shared<GVariant>::Share(g_variant_dict_end(&details));
  return failure;
}

}  // namespace ostree
