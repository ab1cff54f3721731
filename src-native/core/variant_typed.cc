// Writing by a type: JavaScript values to a GVariant of a given type.
#include <cmath>
#include <cstring>
#include <limits>

#include "variant_writer.h"

namespace ostree {
namespace {

std::string TypeText(const GVariantType* type) {
  return {g_variant_type_peek_string(type), g_variant_type_get_string_length(type)};
}

char First(const GVariantType* type) { return *g_variant_type_peek_string(type); }

bool IsText(char type) { return strchr("sog", type) != nullptr; }

// An integer type up to 32 bits.
template <class T>
T Small(Napi::Env env, Napi::Value value, const KeyPath& path) {
  using Limits = std::numeric_limits<T>;
  bool lossless = true;
  double number = value.IsBigInt() ? static_cast<double>(value.As<Napi::BigInt>().Int64Value(&lossless))
                                   : value.As<Napi::Number>().DoubleValue();
  if (!lossless || std::trunc(number) != number || number < Limits::min() || number > Limits::max())
    ThrowOutOfRange(
        env, path,
        "is not an integer from " + std::to_string(Limits::min()) + " to " + std::to_string(Limits::max()));
  return static_cast<T>(number);
}

int64_t SafeInteger(Napi::Env env, Napi::Value value, const KeyPath& path) {
  double number = value.As<Napi::Number>();
  if (std::trunc(number) != number || std::abs(number) > kMaxSafeInteger)
    ThrowOutOfRange(env, path, "is not a safe integer: give a bigint");
  return static_cast<int64_t>(number);
}

int64_t Signed(Napi::Env env, Napi::Value value, const KeyPath& path) {
  if (!value.IsBigInt()) return SafeInteger(env, value, path);
  bool lossless = false;
  int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
  if (!lossless) ThrowOutOfRange(env, path, "does not fit into 64 bits");
  return number;
}

uint64_t Unsigned(Napi::Env env, Napi::Value value, const KeyPath& path) {
  if (!value.IsBigInt()) {
    int64_t number = SafeInteger(env, value, path);
    if (number < 0) ThrowOutOfRange(env, path, "is negative");
    return static_cast<uint64_t>(number);
  }
  bool lossless = false;
  uint64_t number = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (!lossless) ThrowOutOfRange(env, path, "does not fit into 64 bits without a sign");
  return number;
}

}  // namespace

Shared<GVariant> VariantWriter::Typed(const GVariantType* type, Napi::Value value, KeyPath& path,
                                      size_t depth) {
  Count(path);
  if (auto variant = FromVariant(value, path)) return Fitting(type, variant, path);
  if (g_variant_type_is_basic(type)) return Basic(First(type), value, path);
  if (g_variant_type_is_array(type)) return Array(type, value, path, depth);
  if (g_variant_type_is_variant(type)) {
    auto content = Plain(value, path, depth + 1);
    return Shared<GVariant>::Share(g_variant_new_variant(content.get()));
  }
  if (!g_variant_type_is_maybe(type)) return Members(type, value, path, depth);
  const GVariantType* element = g_variant_type_element(type);
  auto content = value.IsNull() ? Shared<GVariant>() : Typed(element, value, path, depth + 1);
  return Shared<GVariant>::Share(g_variant_new_maybe(element, content.get()));
}

// A Variant is what a v holds, also one in an m, and elsewhere must be of the type that is wanted.
Shared<GVariant> VariantWriter::Fitting(const GVariantType* type, const Shared<GVariant>& variant,
                                        const KeyPath& path) {
  const GVariantType* inner = type;
  while (g_variant_type_is_maybe(inner)) inner = g_variant_type_element(inner);
  bool boxed = g_variant_type_is_variant(inner);
  if (!boxed && g_variant_is_of_type(variant.get(), type)) return variant;
  if (type == inner && boxed) return Shared<GVariant>::Share(g_variant_new_variant(variant.get()));
  if (type == inner)
    ThrowWrongType(env_, path,
                   std::string("is a Variant of type ") + g_variant_get_type_string(variant.get()) +
                       ", not " + TypeText(type));
  const GVariantType* element = g_variant_type_element(type);
  return Shared<GVariant>::Share(g_variant_new_maybe(element, Fitting(element, variant, path).get()));
}

Shared<GVariant> VariantWriter::Basic(char type, Napi::Value value, const KeyPath& path) {
  bool right = type == 'b'    ? value.IsBoolean()
               : type == 'd'  ? value.IsNumber()
               : IsText(type) ? value.IsString()
                              : value.IsNumber() || value.IsBigInt();
  if (!right) ThrowWrongType(env_, path, std::string("cannot be written as a value of type ") + type);
  return Shared<GVariant>::Share(IsText(type) ? NewText(type, Text(value, path), path)
                                              : NewNumber(type, value, path));
}

// Floating, as GLib's constructors return it.
GVariant* VariantWriter::NewNumber(char type, Napi::Value value, const KeyPath& path) {
  switch (type) {
    case 'b':
      return g_variant_new_boolean(value.As<Napi::Boolean>());
    case 'y':
      return g_variant_new_byte(Small<guint8>(env_, value, path));
    case 'n':
      return g_variant_new_int16(Small<gint16>(env_, value, path));
    case 'q':
      return g_variant_new_uint16(Small<guint16>(env_, value, path));
    case 'i':
      return g_variant_new_int32(Small<gint32>(env_, value, path));
    case 'u':
      return g_variant_new_uint32(Small<guint32>(env_, value, path));
    case 'h':
      return g_variant_new_handle(Small<gint32>(env_, value, path));
    case 'x':
      return g_variant_new_int64(Signed(env_, value, path));
    case 't':
      return g_variant_new_uint64(Unsigned(env_, value, path));
    default:
      return g_variant_new_double(value.As<Napi::Number>());
  }
}

GVariant* VariantWriter::NewText(char type, const std::string& text, const KeyPath& path) {
  if (type == 's') return g_variant_new_string(text.c_str());
  bool path_type = type == 'o';
  if (path_type ? !g_variant_is_object_path(text.c_str()) : !g_variant_is_signature(text.c_str()))
    ThrowWrongValue(env_, path, path_type ? "is not a D-Bus object path" : "is not a D-Bus signature");
  return path_type ? g_variant_new_object_path(text.c_str()) : g_variant_new_signature(text.c_str());
}

Shared<GVariant> VariantWriter::Array(const GVariantType* type, Napi::Value value, KeyPath& path,
                                      size_t depth) {
  const GVariantType* element = g_variant_type_element(type);
  if (First(element) == 'y' && value.IsTypedArray()) return Bytes(value, path);
  bool named = g_variant_type_is_dict_entry(element) && IsText(First(g_variant_type_key(element)));
  if (named && value.IsObject() && !value.IsArray() && IsPlainObject(value))
    return Dictionary(element, value.As<Napi::Object>(), path, depth);
  if (!value.IsArray()) {
    const char* also = named ? "a plain object or " : First(element) == 'y' ? "a Uint8Array or " : "";
    ThrowWrongType(env_, path, std::string("is not ") + also + "an array, for type " + TypeText(type));
  }
  auto array = value.As<Napi::Array>();
  EnterContainer(array, path, depth);
  Values values;
  for (uint32_t i = 0, length = array.Length(); i < length; i++) {
    Napi::HandleScope scope(env_);
    KeyPath here(path, i);
    values.push_back(Typed(element, array.Get(i), here, depth + 1));
  }
  return NewArray(element, values);
}

// A dictionary whose keys are strings of some sort, from a plain object.
Shared<GVariant> VariantWriter::Dictionary(const GVariantType* entry, Napi::Object object, KeyPath& path,
                                           size_t depth) {
  EnterContainer(object, path, depth);
  Values entries;
  for (const auto& key : Keys(object, path)) {
    Napi::HandleScope scope(env_);
    auto value = Get(object, key);
    if (value.IsUndefined()) continue;
    KeyPath here(path, key);
    auto content = Typed(g_variant_type_value(entry), value, here, depth + 2);
    GVariant* name = NewText(First(g_variant_type_key(entry)), key, here);
    entries.push_back(Shared<GVariant>::Share(g_variant_new_dict_entry(name, content.get())));
  }
  return NewArray(entry, entries);
}

// A tuple, or a dictionary entry: an array with a value for each member.
Shared<GVariant> VariantWriter::Members(const GVariantType* type, Napi::Value value, KeyPath& path,
                                        size_t depth) {
  gsize wanted = g_variant_type_n_items(type);
  if (!value.IsArray() || value.As<Napi::Array>().Length() != wanted)
    ThrowWrongType(env_, path,
                   "is not an array of " + std::to_string(wanted) + " members, for type " + TypeText(type));
  auto array = value.As<Napi::Array>();
  EnterContainer(array, path, depth);
  Values values;
  const GVariantType* member = g_variant_type_first(type);
  for (uint32_t i = 0; i < wanted; i++, member = g_variant_type_next(member)) {
    Napi::HandleScope scope(env_);
    KeyPath here(path, i);
    values.push_back(Typed(member, array.Get(i), here, depth + 1));
  }
  if (g_variant_type_is_dict_entry(type))
    return Shared<GVariant>::Share(g_variant_new_dict_entry(values[0].get(), values[1].get()));
  return Shared<GVariant>::Share(g_variant_new_tuple(Pointers(values).data(), values.size()));
}

}  // namespace ostree
