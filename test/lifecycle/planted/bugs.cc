// Bugs planted on purpose: scripts/asan first proves that its set-up sees these, so that its silence means
// something.
#include <glib.h>
#include <napi.h>
#include <sanitizer/lsan_interface.h>

namespace {

// A read of freed memory, as of a handle that outlives its owner.
Napi::Value UseAfterFree(const Napi::CallbackInfo& info) {
  volatile char* freed = static_cast<char*>(g_malloc(10));
  g_free(const_cast<char*>(freed));
  return Napi::Number::New(info.Env(), freed[3]);
}

// A write past the end of what the C++ side allocated.
Napi::Value Overflow(const Napi::CallbackInfo& info) {
  volatile char* bytes = new char[10];
  bytes[info.Length() + 10] = 1;
  delete[] bytes;
  return info.Env().Undefined();
}

// Memory from GLib that nobody frees, as of a forgotten GVariant.
Napi::Value Leak(const Napi::CallbackInfo& info) {
  for (int i = 0; i < 50; i++) {
    volatile void* lost = g_malloc(1234);
    static_cast<void>(lost);
  }
  return info.Env().Undefined();
}

// A call through a pointer that was never set: the crash that Node's own signal handlers would leave without
// a report.
Napi::Value WildPointer(const Napi::CallbackInfo& info) {
  volatile int* wild = reinterpret_cast<int*>(info.Length() + 8);
  *wild = 1;
  return info.Env().Undefined();
}

// Not a bug: looks for leaks now. vitest kills its workers, so they would never come to look at their exit.
Napi::Value CheckLeaks(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), __lsan_do_recoverable_leak_check() != 0);
}

Napi::Value Nothing(const Napi::CallbackInfo& info) { return info.Env().Undefined(); }

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("useAfterFree", Napi::Function::New(env, UseAfterFree));
  exports.Set("overflow", Napi::Function::New(env, Overflow));
  exports.Set("leak", Napi::Function::New(env, Leak));
  exports.Set("wildPointer", Napi::Function::New(env, WildPointer));
  exports.Set("checkLeaks", Napi::Function::New(env, CheckLeaks));
  exports.Set("nothing", Napi::Function::New(env, Nothing));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
