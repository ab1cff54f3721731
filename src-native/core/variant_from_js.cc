// Writing without a type: plain JavaScript values, and instances of the class Variant, to GVariant.
#include <cmath>

#include "convert.h"
#include "failure.h"
#include "variant.h"
#include "variant_writer.h"

namespace ostree {
namespace {

// GLib's own limit for what nests in a value, G_VARIANT_MAX_RECURSION_DEPTH.
constexpr size_t kMaxDepth = 128;
constexpr const char* kUseVariant = "give a Variant of the type you mean";

template <class Error>
[[noreturn]] void Throw(Napi::Env env, const char* code, const KeyPath& path, const std::string& why) {
  auto error = Error::New(env, path.Print() + " " + why);
  error.Set("code", code);
  throw error;
}

bool IsIdentifier(const std::string& key) {
  if (key.empty() || g_ascii_isdigit(key.front())) return false;
  for (char c : key)
    if (!g_ascii_isalnum(c) && c != '_' && c != '$' && c != '-') return false;
  return true;
}

bool IsDetached(Napi::Env env, napi_value array_buffer) {
  bool detached = false;
  if (napi_is_detached_arraybuffer(env, array_buffer, &detached) != napi_ok) throw Napi::Error::New(env);
  return detached;
}

}  // namespace

std::string KeyPath::Print() const {
  std::string before = parent_ ? parent_->Print() : "";
  if (!key_) return before + "[" + std::to_string(index_) + "]";
  if (!parent_) return *key_;
  // Long enough to recognise; a key may have megabytes.
  std::string key = key_->size() > 100 ? ValidUtf8(key_->substr(0, 100)) + "…" : *key_;
  return IsIdentifier(*key_) ? before + "." + key : before + "[\"" + key + "\"]";
}

bool KeyPath::Enter(Napi::Object container) {
  container_ = container;
  for (auto* node = parent_; node; node = node->parent_)
    if (node->container_ && container.StrictEquals(Napi::Value(container.Env(), node->container_)))
      return true;
  return false;
}

void ThrowWrongType(Napi::Env env, const KeyPath& path, const std::string& why) {
  Throw<Napi::TypeError>(env, "ERR_INVALID_ARG_TYPE", path, why);
}
void ThrowWrongValue(Napi::Env env, const KeyPath& path, const std::string& why) {
  Throw<Napi::TypeError>(env, "ERR_INVALID_ARG_VALUE", path, why);
}
void ThrowOutOfRange(Napi::Env env, const KeyPath& path, const std::string& why) {
  Throw<Napi::RangeError>(env, "ERR_INVALID_ARG_VALUE", path, why);
}

std::vector<GVariant*> Pointers(const Values& values) {
  std::vector<GVariant*> pointers;
  for (const auto& value : values) pointers.push_back(value.get());
  return pointers;
}

Shared<GVariant> NewArray(const GVariantType* element, const Values& values) {
  return Shared<GVariant>::Share(g_variant_new_array(element, Pointers(values).data(), values.size()));
}

VariantWriter::VariantWriter(Napi::Env env)
    : env_(env),
      symbol_(Napi::Symbol::For(env, "ostree.variant").As<Napi::Symbol>()),
      prototype_of_(
          env.Global().Get("Object").As<Napi::Object>().Get("getPrototypeOf").As<Napi::Function>()) {}

Shared<GVariant> VariantWriter::Plain(Napi::Value value, KeyPath& path, size_t depth) {
  Count(path);
  switch (value.Type()) {
    case napi_boolean:
      return Basic('b', value, path);
    case napi_string:
      return Basic('s', value, path);
    case napi_number: {
      double number = value.As<Napi::Number>();
      bool integer = std::trunc(number) == number && std::abs(number) <= kMaxSafeInteger;
      return Basic(!integer ? 'd' : number >= G_MININT32 && number <= G_MAXINT32 ? 'i' : 'x', value, path);
    }
    case napi_bigint: {
      bool fits = false;
      value.As<Napi::BigInt>().Int64Value(&fits);
      return Basic(fits ? 'x' : 't', value, path);
    }
    case napi_object:
      break;
    case napi_null:
    case napi_undefined:
      ThrowWrongType(env_, path,
                     std::string("is ") + (value.IsNull() ? "null" : "undefined") +
                         ", which has no type of its own: " + kUseVariant);
    default:
      ThrowWrongType(env_, path, std::string("is a function, a symbol or the like: ") + kUseVariant);
  }
  if (auto variant = FromVariant(value, path)) return variant;
  if (value.IsTypedArray()) return Bytes(value, path);
  if (value.IsArray()) return Strings(value.As<Napi::Array>(), path);
  if (IsPlainObject(value)) return Object(value.As<Napi::Object>(), path, depth);
  ThrowWrongType(env_, path, std::string("is not a plain object: ") + kUseVariant);
}

// g_variant_new_dict_entry(), g_variant_new_array(): an a{sv}.
Shared<GVariant> VariantWriter::Object(Napi::Object object, KeyPath& path, size_t depth) {
  EnterContainer(object, path, depth);
  Values entries;
  for (const auto& key : Keys(object, path)) {
    Napi::HandleScope scope(env_);
    auto value = Get(object, key);
    if (value.IsUndefined()) continue;
    KeyPath here(path, key);
    // An a{sv} holds an entry, and that a v: three levels a step.
    auto content = Plain(value, here, depth + 3);
    entries.push_back(Shared<GVariant>::Share(
        g_variant_new_dict_entry(g_variant_new_string(key.c_str()), g_variant_new_variant(content.get()))));
  }
  return NewArray(G_VARIANT_TYPE("{sv}"), entries);
}

Shared<GVariant> VariantWriter::Strings(Napi::Array array, const KeyPath& path) {
  Values strings;
  for (uint32_t i = 0, length = array.Length(); i < length; i++) {
    Napi::HandleScope scope(env_);
    Napi::Value value = array.Get(i);
    KeyPath here(path, i);
    Count(here);
    if (!value.IsString())
      ThrowWrongType(env_, here, std::string("is not a string, as all of an array must be: ") + kUseVariant);
    strings.push_back(Basic('s', value, here));
  }
  return NewArray(G_VARIANT_TYPE_STRING, strings);
}

Shared<GVariant> VariantWriter::Bytes(Napi::Value value, const KeyPath& path) {
  if (value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    ThrowWrongType(env_, path, std::string("is not a Uint8Array: ") + kUseVariant);
  auto array = value.As<Napi::Uint8Array>();
  if (IsDetached(env_, array.ArrayBuffer())) ThrowWrongValue(env_, path, "has a detached ArrayBuffer");
  Spend(array.ElementLength(), path);
  return Shared<GVariant>::Share(
      g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, array.Data(), array.ElementLength(), 1));
}

// Whatever else lies under the symbol is no Variant of ours, and is refused.
Shared<GVariant> VariantWriter::FromVariant(Napi::Value value, const KeyPath& path) {
  if (!value.IsObject()) return {};
  auto object = value.As<Napi::Object>();
  if (!object.HasOwnProperty(symbol_)) return {};
  Napi::Value pair = object.Get(symbol_);
  if (!pair.IsArray()) ThrowWrongType(env_, path, "is not a Variant, although it claims to be one");
  const std::string type_name = "type";
  auto type = Type(pair.As<Napi::Array>().Get(uint32_t{0}), KeyPath(path, type_name));
  return Serialised(type.get(), pair.As<Napi::Array>().Get(uint32_t{1}), path);
}

// g_variant_new_from_bytes(), not trusted. GLib copies where the alignment asks for it.
Shared<GVariant> VariantWriter::Serialised(const GVariantType* type, Napi::Value bytes, const KeyPath& path) {
  if (!bytes.IsTypedArray()) ThrowWrongType(env_, path, "does not hold a Uint8Array");
  auto copy = Bytes(bytes, path);
  auto data = Shared<GBytes>::Take(g_variant_get_data_as_bytes(copy.get()));
  auto variant = Shared<GVariant>::Share(g_variant_new_from_bytes(type, data.get(), /* trusted */ FALSE));
  if (!g_variant_is_normal_form(variant.get()))
    ThrowWrongValue(env_, path,
                    std::string("is not the serialised form of a value of type ") +
                        g_variant_get_type_string(variant.get()));
  return variant;
}

// What is made of values that are normal can still be nested too deeply.
Shared<GVariant> VariantWriter::Finish(const Shared<GVariant>& tree, const KeyPath& path) {
  if (g_variant_get_size(tree.get()) > kMaxVariantBytes)
    ThrowOutOfRange(env_, path, "is larger than 128 MiB");
  auto data = Shared<GBytes>::Take(g_variant_get_data_as_bytes(tree.get()));
  auto result = Shared<GVariant>::Share(
      g_variant_new_from_bytes(g_variant_get_type(tree.get()), data.get(), /* trusted */ FALSE));
  if (!g_variant_is_normal_form(result.get())) ThrowWrongValue(env_, path, "is nested too deeply");
  return result;
}

std::string VariantWriter::Text(Napi::Value value, const KeyPath& path) {
  size_t length = 0;
  if (napi_get_value_string_utf16(env_, value, nullptr, 0, &length) != napi_ok)
    ThrowWrongType(env_, path, "is not a string");
  Spend(length, path);
  std::u16string text = value.As<Napi::String>();
  if (text.find(u'\0') != text.npos) ThrowWrongValue(env_, path, "contains a NUL character");
  glong size = 0;
  Owned<char> utf8(g_utf16_to_utf8(reinterpret_cast<const gunichar2*>(text.data()),
                                   static_cast<glong>(text.size()), nullptr, &size, nullptr));
  if (!utf8) ThrowWrongValue(env_, path, "contains half of a surrogate pair, which UTF-8 cannot say");
  return std::string(utf8.get(), static_cast<size_t>(size));
}

Owned<GVariantType> VariantWriter::Type(Napi::Value value, const KeyPath& path) {
  if (!value.IsString()) ThrowWrongType(env_, path, "is not a string");
  auto type = Text(value, path);
  if (type.size() > kMaxVariantType || !g_variant_type_string_is_valid(type.c_str()) ||
      !g_variant_type_is_definite(G_VARIANT_TYPE(type.c_str())))
    ThrowWrongValue(env_, path, "is not the type string of a single GVariant type");
  return Owned<GVariantType>(g_variant_type_new(type.c_str()));
}

std::vector<std::string> VariantWriter::Keys(Napi::Object object, const KeyPath& path) {
  auto filter = static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols);
  napi_value names;
  if (napi_get_all_property_names(env_, object, napi_key_own_only, filter, napi_key_numbers_to_strings,
                                  &names) != napi_ok)
    throw Napi::Error::New(env_);
  auto list = Napi::Value(env_, names).As<Napi::Array>();
  std::vector<std::string> keys;
  for (uint32_t i = 0, length = list.Length(); i < length; i++) {
    Napi::HandleScope scope(env_);
    Count(path);
    keys.push_back(Text(list.Get(i), path));
  }
  return keys;
}

// A namesake in another realm (node:vm, a test runner) is a plain object too.
bool VariantWriter::IsPlainObject(Napi::Value value) {
  auto prototype = prototype_of_.Call({value});
  if (!prototype.IsObject()) return true;
  return prototype_of_.Call({prototype}).IsNull() &&
         prototype.As<Napi::Object>().HasOwnProperty("isPrototypeOf");
}

Napi::Value VariantWriter::Get(Napi::Object object, const std::string& key) {
  return object.Get(Napi::String::New(env_, key));
}

void VariantWriter::EnterContainer(Napi::Object container, KeyPath& path, size_t depth) {
  if (path.Enter(container)) ThrowWrongValue(env_, path, "is cyclic: it contains itself");
  if (depth >= kMaxDepth) ThrowWrongValue(env_, path, "is nested too deeply");
}

void VariantWriter::Spend(size_t bytes, const KeyPath& path) {
  bytes_ += bytes;
  if (bytes_ > kMaxVariantBytes) ThrowOutOfRange(env_, path, "makes it larger than 128 MiB");
}

void VariantWriter::Count(const KeyPath& path) {
  if (++values_ > kMaxVariantValues)
    ThrowOutOfRange(env_, path, "makes it more than " + std::to_string(kMaxVariantValues) + " values");
}

Shared<GVariant> VariantFromJs(Napi::Value value, const std::string& name) {
  VariantWriter writer(value.Env());
  KeyPath path(name);
  return writer.Finish(writer.Plain(value, path, 0), path);
}

Shared<GVariant> VariantFromJs(const GVariantType* type, Napi::Value value, const std::string& name) {
  VariantWriter writer(value.Env());
  KeyPath path(name);
  return writer.Finish(writer.Typed(type, value, path, 0), path);
}

Shared<GVariant> MetadataFromJs(Napi::Value value, const std::string& name) {
  auto metadata = VariantFromJs(value, name);
  if (!g_variant_is_of_type(metadata.get(), G_VARIANT_TYPE_VARDICT))
    ThrowWrongType(value.Env(), KeyPath(name), "is not a plain object");
  return metadata;
}

}  // namespace ostree
