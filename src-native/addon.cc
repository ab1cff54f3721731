// The export list of the addon, nothing else.

#include <napi.h>

static Napi::Object Init(Napi::Env, Napi::Object exports) { return exports; }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)
