// The native half of the class Variant (lib/variant.ts).
#include "failure.h"
#include "js_thread.h"
#include "variant.h"
#include "variant_writer.h"

namespace ostree {
namespace {

// The text form is several times as long as the value it stands for.
constexpr size_t kMaxText = 16 << 20;

Napi::Value BytesToJs(Napi::Env env, GVariant* value) {
  gsize size = g_variant_get_size(value);
  auto bytes = Napi::Uint8Array::New(env, size);
  if (size) g_variant_store(value, bytes.Data());
  return bytes;
}

// The arguments (type, bytes), of which only a value in normal form is taken.
Shared<GVariant> Serialised(const Napi::CallbackInfo& info) {
  VariantWriter writer(info.Env());
  const std::string type = "type", bytes = "bytes";
  return writer.Serialised(writer.Type(info[0], KeyPath(type)).get(), info[1], KeyPath(bytes));
}

}  // namespace

Napi::Value NewJsVariant(Napi::Env env, GVariant* value) {
  auto& make = JsThread::Of(env).make_variant;
  if (make.IsEmpty()) throw Napi::Error::New(env, "The class Variant has not been set");
  return make.Call({Napi::String::New(env, g_variant_get_type_string(value)), BytesToJs(env, value)});
}

Napi::Value VariantClass(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) throw ArgTypeError(info.Env(), "make must be a function");
  JsThread::Of(info.Env()).make_variant = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Value VariantNew(const Napi::CallbackInfo& info) {
  const std::string name = "type";
  auto type = VariantWriter(info.Env()).Type(info[0], KeyPath(name));
  return BytesToJs(info.Env(), VariantFromJs(type.get(), info[1], "value").get());
}

Napi::Value VariantCheck(const Napi::CallbackInfo& info) {
  return BytesToJs(info.Env(), Serialised(info).get());
}

// g_variant_parse()
Napi::Value VariantParse(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  VariantWriter writer(env);
  const std::string text_name = "text", type_name = "type";
  KeyPath path(text_name);
  auto text = writer.Text(info[0], path);
  if (text.size() > kMaxText) ThrowOutOfRange(env, path, "is longer than 16 MiB");
  auto type = info[1].IsUndefined() ? Owned<GVariantType>() : writer.Type(info[1], KeyPath(type_name));
  Owned<GError> error;
  auto parsed = Shared<GVariant>::Take(
      g_variant_parse(type.get(), text.data(), text.data() + text.size(), nullptr, Out(error)));
  if (!parsed)
    ThrowWrongValue(env, path, std::string("is not a GVariant in text form: ") + ValidUtf8(error->message));
  auto value = writer.Finish(parsed, path);
  auto result = Napi::Object::New(env);
  result["type"] = g_variant_get_type_string(value.get());
  result["bytes"] = BytesToJs(env, value.get());
  return result;
}

Napi::Value VariantRead(const Napi::CallbackInfo& info) {
  auto mode = info[2].ToBoolean() ? VariantMode::kKeep : VariantMode::kPlain;
  return VariantToJs(info.Env(), Serialised(info).get(), mode);
}

// g_variant_print()
Napi::Value VariantPrint(const Napi::CallbackInfo& info) {
  auto value = Serialised(info);
  Owned<char> text(g_variant_print(value.get(), info[2].ToBoolean()));
  return Napi::String::New(info.Env(), text.get());
}

}  // namespace ostree
