#include "cursor.h"

namespace ostree {

Napi::Value CursorNext(const Napi::CallbackInfo& info) {
  Args args(info);
  auto cursor = args.Handle<Cursor>("cursor");
  return Async(args, cursor->executor(), [cursor](Job& job) { return cursor->Next(job); });
}

}  // namespace ostree
